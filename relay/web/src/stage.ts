/** The place where a character stands: camera, light, ground, backdrop. Knows nothing of who stands there. */

import {
  NeutralToneMapping,
  CircleGeometry,
  Color,
  DirectionalLight,
  HemisphereLight,
  Mesh,
  type Object3D,
  PCFShadowMap,
  PerspectiveCamera,
  PlaneGeometry,
  Scene,
  ShaderMaterial,
  ShadowMaterial,
  WebGLRenderer,
} from 'three';
import { OrbitControls } from 'three/addons/controls/OrbitControls.js';
import { environment } from './environment.ts';
import { FLOOR, sky } from './sky.ts';

export type View = 'whole' | 'talk' | 'face';

/** Where the camera looks (height and half height of what must be seen, metres) and from which side, degrees. */
const VIEWS: Record<View, { y: number; half: number; turn: number; lift: number }> = {
  whole: { y: 0.7, half: 1.34, turn: 16, lift: 3 },
  talk: { y: 1.23, half: 0.78, turn: 12, lift: 4 },
  face: { y: 1.6, half: 0.27, turn: 10, lift: 0 },
};

const NEAR = new Color('#e0d8cc');

/** Whether a processor draws in a GPU's stead. Throws Error for a person where nothing draws. */
function bySoftware(): boolean {
  const probe = document.createElement('canvas').getContext('webgl2');
  if (!probe) throw new Error('this browser cannot draw in 3D (WebGL 2 is off or missing).');
  const info = probe.getExtension('WEBGL_debug_renderer_info');
  const name = String(probe.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : probe.RENDERER));
  probe.getExtension('WEBGL_lose_context')?.loseContext();
  return /swiftshader|llvmpipe|softpipe|basic render/i.test(name);
}

export class Stage {
  readonly scene = new Scene();
  readonly camera = new PerspectiveCamera(28, 1, 0.05, 60);
  readonly controls: OrbitControls;
  readonly renderer: WebGLRenderer;
  /** A processor draws in a GPU's stead: edges are not smoothed, which would cost it a third more. */
  readonly bySoftware = bySoftware();
  /** The shadow may be so old, milliseconds; an older one would fall from where nothing is. */
  shadowMs = 0;
  private contact!: Mesh;
  private shadedMs = 0;

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.renderer = new WebGLRenderer({ canvas, antialias: !this.bySoftware, preserveDrawingBuffer: true });
    // asking for each shader's log would wait for its compiler, one after the other
    this.renderer.debug.checkShaderErrors = import.meta.env.DEV;
    this.renderer.toneMapping = NeutralToneMapping;
    this.renderer.toneMappingExposure = 1.12;
    this.renderer.shadowMap.enabled = true;
    this.renderer.shadowMap.type = PCFShadowMap;
    this.renderer.shadowMap.autoUpdate = false;
    this.controls = new OrbitControls(this.camera, canvas);
    this.controls.enableDamping = true;
    this.controls.enablePan = false;
    this.controls.minDistance = 0.5;
    this.controls.maxDistance = 7;
    this.controls.maxPolarAngle = Math.PI * 0.53;
    this.backdrop();
    this.lights();
    this.ground();
    this.resize();
    this.look('talk');
  }

  /** Frames the character, who stands at the origin and faces +z. */
  look(view: View): void {
    const { y, half, turn, lift } = VIEWS[view];
    const fov = (this.camera.fov * Math.PI) / 360;
    // a narrow window must still hold the shoulders
    const fit = Math.max(1, 0.62 / this.camera.aspect);
    const distance = (half * fit) / Math.tan(fov);
    const a = (turn * Math.PI) / 180;
    const b = (lift * Math.PI) / 180;
    this.from(
      [Math.sin(a) * Math.cos(b) * distance, y + Math.sin(b) * distance, Math.cos(a) * Math.cos(b) * distance],
      [0, y, 0],
    );
  }

  /** Puts the camera at a place, looking at another (metres). */
  from(place: number[], target: number[]): void {
    this.camera.position.fromArray(place);
    this.controls.target.fromArray(target);
    this.controls.update();
  }

  resize(): void {
    const { clientWidth: w, clientHeight: h } = this.canvas.parentElement ?? this.canvas;
    if (!w || !h) return;
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.renderer.setSize(w, h, false);
    this.camera.aspect = w / h;
    this.camera.updateProjectionMatrix();
  }

  /** Compiles what `root` will be drawn with on this stage, all at once, and where a GPU can, beside the frames. */
  async prepare(root: Object3D): Promise<void> {
    const { renderer, camera, scene } = this;
    if (renderer.extensions.has('KHR_parallel_shader_compile')) await renderer.compileAsync(root, camera, scene);
    else renderer.compile(root, camera, scene);
  }

  draw(): void {
    const nowMs = performance.now();
    if (nowMs - this.shadedMs >= this.shadowMs) {
      this.shadedMs = nowMs;
      this.renderer.shadowMap.needsUpdate = true;
    }
    this.renderer.render(this.scene, this.camera);
  }

  /** Draw calls and triangles of the last frame. */
  cost(): { calls: number; triangles: number } {
    return { calls: this.renderer.info.render.calls, triangles: this.renderer.info.render.triangles };
  }

  private backdrop(): void {
    this.scene.add(sky());
    const { texture, brightest } = environment();
    this.scene.environment = texture;
    this.scene.environmentIntensity = 0.55 * brightest;
  }

  private lights(): void {
    const key = new DirectionalLight('#fff0dc', 2.3);
    key.position.set(-1.6, 3.4, 2.8);
    key.target.position.set(0, 1, 0);
    key.castShadow = true;
    key.shadow.mapSize.set(1024, 1024);
    Object.assign(key.shadow.camera, { left: -1.3, right: 1.3, top: 1.3, bottom: -1.3, near: 1, far: 8 });
    key.shadow.bias = -0.0006;
    key.shadow.normalBias = 0.012;
    key.shadow.radius = 5;
    const rim = new DirectionalLight('#cfe2ff', 1.5);
    rim.position.set(2.4, 2.6, -2.6);
    const fill = new HemisphereLight('#dfe9f2', '#b59a84', 1.05);
    const front = new DirectionalLight('#fff6ea', 0.7);
    front.position.set(1.6, 1.9, 3);
    this.scene.add(key, key.target, rim, fill, front);
  }

  private ground(): void {
    // one floor without an edge: its colour runs out into the backdrop's
    const floor = new Mesh(
      new CircleGeometry(14, 64),
      new ShaderMaterial({
        uniforms: { near: { value: NEAR }, far: { value: FLOOR } },
        vertexShader: `varying vec2 at;
          void main() { at = position.xy; gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0); }`,
        fragmentShader: `varying vec2 at; uniform vec3 near, far;
          void main() {
            float r = length(at);
            float ring = smoothstep(0.012, 0.0, abs(r - 1.2)) * 0.35 + smoothstep(0.006, 0.0, abs(r - 1.28)) * 0.2;
            vec3 c = mix(near, far, smoothstep(0.2, 6.0, r));
            gl_FragColor = vec4(c + ring * (near - far), 1.0);
            #include <colorspace_fragment>
          }`,
      }),
    );
    const shade = new Mesh(new CircleGeometry(6, 48), new ShadowMaterial({ opacity: 0.34 }));
    shade.receiveShadow = true;
    shade.position.y = 0.001;
    const contact = new Mesh(
      new PlaneGeometry(0.9, 0.7),
      new ShaderMaterial({
        transparent: true,
        depthWrite: false,
        vertexShader: `varying vec2 at;
          void main() { at = uv - 0.5; gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0); }`,
        fragmentShader: `varying vec2 at;
          void main() { gl_FragColor = vec4(0.10, 0.07, 0.06, 0.45 * smoothstep(0.5, 0.05, length(at))); }`,
      }),
    );
    contact.position.y = 0.002;
    this.contact = contact;
    for (const flat of [floor, shade, contact]) {
      flat.rotation.x = -Math.PI / 2;
      this.scene.add(flat);
    }
  }

  /** Keeps the soft shadow under a character who stands at (x, z). */
  under(x: number, z: number): void {
    this.contact.position.setX(x).setZ(z);
  }
}
