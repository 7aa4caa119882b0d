/** The place where a character stands: camera, light, ground, backdrop. Knows nothing of who stands there. */

import {
  NeutralToneMapping,
  BackSide,
  CircleGeometry,
  Color,
  DirectionalLight,
  HemisphereLight,
  Mesh,
  MeshBasicMaterial,
  MeshStandardMaterial,
  PCFShadowMap,
  PerspectiveCamera,
  PMREMGenerator,
  Scene,
  ShaderMaterial,
  ShadowMaterial,
  SphereGeometry,
  Vector3,
  WebGLRenderer,
} from 'three';
import { OrbitControls } from 'three/addons/controls/OrbitControls.js';

export type View = 'whole' | 'talk' | 'face';

/** Where the camera looks (height and half height of what must be seen, metres) and from which side, degrees. */
const VIEWS: Record<View, { y: number; half: number; turn: number; lift: number }> = {
  whole: { y: 0.88, half: 1.02, turn: 16, lift: 3 },
  talk: { y: 1.3, half: 0.55, turn: 12, lift: 2 },
  face: { y: 1.6, half: 0.21, turn: 10, lift: 0 },
};

const SKY = new Color('#8fa3ad');
const HAZE = new Color('#e9d8c4');
const FLOOR = new Color('#b7a08c');

export class Stage {
  readonly scene = new Scene();
  readonly camera = new PerspectiveCamera(28, 1, 0.05, 60);
  readonly controls: OrbitControls;
  private readonly renderer: WebGLRenderer;

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.renderer = new WebGLRenderer({ canvas, antialias: true, preserveDrawingBuffer: true });
    this.renderer.toneMapping = NeutralToneMapping;
    this.renderer.toneMappingExposure = 1.0;
    this.renderer.shadowMap.enabled = true;
    this.renderer.shadowMap.type = PCFShadowMap;
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

  draw(): void {
    this.controls.update();
    this.renderer.render(this.scene, this.camera);
  }

  /** Draw calls and triangles of the last frame. */
  cost(): { calls: number; triangles: number } {
    return { calls: this.renderer.info.render.calls, triangles: this.renderer.info.render.triangles };
  }

  private backdrop(): void {
    const material = new ShaderMaterial({
      side: BackSide,
      depthWrite: false,
      uniforms: { sky: { value: SKY }, haze: { value: HAZE }, floor: { value: FLOOR } },
      vertexShader: `varying vec3 way;
        void main() { way = normalize(position); gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0); }`,
      fragmentShader: `varying vec3 way; uniform vec3 sky, haze, floor;
        void main() {
          float up = normalize(way).y;
          vec3 c = mix(haze, sky, smoothstep(0.0, 0.55, up));
          gl_FragColor = vec4(mix(c, floor, smoothstep(0.02, -0.25, up)), 1.0);
          #include <colorspace_fragment>
        }`,
    });
    const dome = new Mesh(new SphereGeometry(30, 32, 24), material);
    dome.position.y = 0.6;
    this.scene.add(dome);
    // the same dome, blurred, is what shiny surfaces reflect
    const pmrem = new PMREMGenerator(this.renderer);
    const light = new Scene();
    light.add(dome.clone());
    const softbox = new Mesh(new SphereGeometry(2.2, 16, 12), new MeshBasicMaterial({ color: new Color(6, 5.6, 5) }));
    softbox.position.set(-6, 8, 7);
    light.add(softbox);
    this.scene.environment = pmrem.fromScene(light, 0.03).texture;
    this.scene.environmentIntensity = 0.55;
    pmrem.dispose();
  }

  private lights(): void {
    const key = new DirectionalLight('#fff0dc', 2.3);
    key.position.set(-1.6, 3.4, 2.8);
    key.target.position.set(0, 1, 0);
    key.castShadow = true;
    key.shadow.mapSize.set(2048, 2048);
    Object.assign(key.shadow.camera, { left: -1.3, right: 1.3, top: 1.3, bottom: -1.3, near: 1, far: 8 });
    key.shadow.bias = -0.0006;
    key.shadow.normalBias = 0.012;
    key.shadow.radius = 5;
    const rim = new DirectionalLight('#bcd9ff', 1.7);
    rim.position.set(2.4, 2.6, -2.6);
    const fill = new HemisphereLight('#dfe9f2', '#a88a70', 0.75);
    this.scene.add(key, key.target, rim, fill);
  }

  private ground(): void {
    const disc = new Mesh(
      new CircleGeometry(1.15, 72),
      new MeshStandardMaterial({ color: '#d9c7b2', roughness: 0.95, metalness: 0 }),
    );
    disc.rotation.x = -Math.PI / 2;
    disc.receiveShadow = true;
    const shade = new Mesh(new CircleGeometry(12, 48), new ShadowMaterial({ opacity: 0.28 }));
    shade.rotation.x = -Math.PI / 2;
    shade.position.y = -0.002;
    shade.receiveShadow = true;
    this.scene.add(disc, shade);
  }

  /** A point of the world on the canvas, 0 to 1 from the left and the top. */
  project(point: Vector3): { x: number; y: number } {
    const p = point.clone().project(this.camera);
    return { x: (p.x + 1) / 2, y: (1 - p.y) / 2 };
  }
}
