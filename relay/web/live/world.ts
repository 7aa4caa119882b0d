/** What is seen and heard of the character: stage, body, playout, and the voice from its mouth. */

import { Vector3 } from 'three';
import { Stage, type View as Camera } from '../src/stage.ts';
import type { Place } from './control.ts';
import type { Figure, Shift } from './figure.ts';
import { Gaze } from './gaze.ts';
import { IdleLayer, type PackJson, readPack } from './pack.ts';
import { Playout, type Report } from './playout.ts';
import type { Rig } from './rig.ts';
import { REST_OFFSETS } from './skeleton.ts';
import { standing } from './standin.ts';
import type { Voice } from './voice.ts';

const STANDING = standing();
const UP = new Vector3(0, 1, 0);

/** One shown frame, for the recorder and for tests. */
export interface Frame {
  nowMs: number;
  epoch: number;
  source: number;
  blending: boolean;
  headMs: number;
  figure: Figure;
}

export class World {
  readonly stage: Stage;
  readonly playout: Playout;
  rig: Rig | null = null;
  voice: Voice | null = null;
  reducedMotion = false;
  /** When the character was first drawn, milliseconds after the page was opened. */
  firstViewMs: number | null = null;
  /** Sees every frame of the immersive mode. */
  onXr: ((frame: XRFrame) => void) | null = null;
  /** Milliseconds of main-thread work of the last frames, drawing apart. */
  readonly workMs: number[] = [];
  readonly drawMs: number[] = [];
  private idle: IdleLayer | null = null;
  private readonly gaze = new Gaze();
  private panner: PannerNode | null = null;
  private volume: GainNode | null = null;
  private readonly listeners = new Set<(frame: Frame) => void>();
  private readonly eye = new Vector3();
  private readonly point = new Vector3();
  private readonly ahead = new Vector3();
  private lastMs = 0;
  private state = 'idle';
  private fence: WebGLSync | null = null;
  private camera: Camera = 'talk';
  private size = 1;
  private stands: Place | null = null;

  constructor(canvas: HTMLCanvasElement, report: (report: Report) => void) {
    this.stage = new Stage(canvas);
    if (this.stage.bySoftware) this.stage.shadowMs = 100;
    const sound = {
      do: (command: Parameters<Voice['do']>[0]) => this.voice?.do(command),
      heard: (nowMs: number) => this.voice?.heard(nowMs) ?? { epoch: 0, sample: 0, mode: 'waiting' as const, sinceMs: 0 },
    };
    this.playout = new Playout(sound, (nowMs, dtS, out) => this.alone(nowMs, dtS, out), report);
    this.playout.stand = (place) => this.stand(place);
    this.stage.renderer.setAnimationLoop((_time: number, xr?: XRFrame) => this.frame(performance.now(), xr));
    addEventListener('resize', () => this.resize());
  }

  private resize(): void {
    this.stage.resize();
    this.look(this.camera);
  }

  /** Shows this body as soon as its shaders are there; until then everything goes on as it is. */
  async wear(rig: Rig, size = 1): Promise<void> {
    await this.stage.prepare(rig.root);
    this.rig?.dispose();
    this.rig = rig;
    if (this.stands) this.stand(this.stands);
    this.stage.scene.add(rig.root);
    if (size !== this.size) {
      this.size = size;
      this.look(this.camera);
    }
  }

  /** Gives the character its life between turns. Throws for a broken pack. */
  live(pack: PackJson): void {
    this.idle = new IdleLayer(readPack(pack));
    this.idle.setState(this.state, performance.now());
  }

  setState(state: string): void {
    this.state = state;
    this.idle?.setState(state, performance.now());
  }

  get clip(): string {
    return this.idle?.playing ?? '';
  }

  /** Frames the character, whose size may be another than the wire's body. */
  look(camera: Camera): void {
    this.camera = camera;
    this.stage.look(camera);
    const { position } = this.stage.camera;
    const { target } = this.stage.controls;
    this.stage.from(position.multiplyScalar(this.size).toArray(), target.multiplyScalar(this.size).toArray());
  }

  /** Lets the voice come from the mouth, to be heard where the camera is. */
  speakWith(voice: Voice, volume: number): void {
    this.voice = voice;
    const { context } = voice;
    this.panner = new PannerNode(context, { panningModel: 'HRTF', refDistance: 1.5, rolloffFactor: 0.7 });
    this.volume = new GainNode(context, { gain: volume });
    voice.output.connect(this.panner).connect(this.volume).connect(voice.analyser);
  }

  setVolume(volume: number): void {
    if (this.volume) this.volume.gain.value = volume;
  }

  /** Calls `take` for every shown frame; the figure in it is used again. Returns how to stop. */
  watch(take: (frame: Frame) => void): () => void {
    this.listeners.add(take);
    return () => this.listeners.delete(take);
  }

  private alone(nowMs: number, dtS: number, out: Figure): void {
    if (this.idle) this.idle.at(nowMs, out, this.reducedMotion);
    else {
      out.rot.set(STANDING);
      out.root.set(REST_OFFSETS[0]);
      out.face.fill(0);
    }
    this.gaze.apply(out, this.rig ? this.user() : null, dtS);
  }

  /** The user's head in the character's own space. */
  private user(): number[] {
    this.stage.camera.getWorldPosition(this.eye);
    return this.rig!.root.worldToLocal(this.eye).toArray();
  }

  private frame(nowMs: number, xr?: XRFrame): void {
    const began = performance.now();
    if (xr) this.onXr?.(xr);
    else this.stage.controls.update(); // a drag runs out smoothly
    const dtS = Math.min(0.1, (nowMs - this.lastMs) / 1000);
    this.lastMs = nowMs;
    this.playout.advance(nowMs);
    const { rig, playout } = this;
    if (rig) {
      rig.show(playout.figure);
      rig.update(dtS);
      this.shade();
      this.place();
    }
    const { epoch, source, blending, headMs } = playout.shown;
    for (const take of this.listeners) take({ nowMs, epoch, source, blending, headMs, figure: playout.figure });
    const drawn = performance.now();
    this.stage.draw();
    this.count(this.workMs, drawn - began);
    this.count(this.drawMs, performance.now() - drawn);
    if (rig && this.firstViewMs === null) this.lookForFirstView();
  }

  /** Notes when the GPU has finished the first frame with the character in it. */
  private lookForFirstView(): void {
    const gl = this.stage.renderer.getContext() as WebGL2RenderingContext;
    this.fence ??= gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    if (!this.fence || gl.clientWaitSync(this.fence, 0, 0) === gl.TIMEOUT_EXPIRED) return;
    gl.deleteSync(this.fence);
    this.firstViewMs = performance.now();
  }

  private count(kept: number[], ms: number): void {
    kept.push(ms);
    if (kept.length > 600) kept.shift();
  }

  /** The character takes a place. Returns where the old one lies in the new one's coordinates; null if it is the same. */
  private stand(place: Place): Shift | null {
    this.stands = place;
    const root = this.rig?.root;
    if (!root) return null;
    const turnRad = root.rotation.y - place.yaw_rad;
    const way = this.point.copy(root.position).sub(new Vector3(place.x, place.y, place.z));
    if (turnRad === 0 && way.lengthSq() === 0) return null;
    way.applyAxisAngle(UP, -place.yaw_rad);
    root.position.set(place.x, place.y, place.z);
    root.rotation.y = place.yaw_rad;
    return { turnRad, way: way.toArray() };
  }

  private shade(): void {
    const root = this.rig!.root;
    const [x, , z] = this.playout.figure.root;
    this.point.set(x, 0, z);
    root.localToWorld(this.point);
    this.stage.under(this.point.x, this.point.z);
  }

  private place(): void {
    if (!this.panner || !this.voice) return;
    const { camera } = this.stage;
    this.rig!.mouth(this.point);
    this.panner.positionX.value = this.point.x;
    this.panner.positionY.value = this.point.y;
    this.panner.positionZ.value = this.point.z;
    const { listener } = this.voice.context;
    camera.getWorldPosition(this.eye);
    camera.getWorldDirection(this.ahead);
    this.point.set(0, 1, 0).applyQuaternion(camera.quaternion);
    if (!listener.positionX) {
      // Firefox has only the older calls
      listener.setPosition(...this.eye.toArray());
      listener.setOrientation(...this.ahead.toArray(), ...this.point.toArray());
      return;
    }
    listener.positionX.value = this.eye.x;
    listener.positionY.value = this.eye.y;
    listener.positionZ.value = this.eye.z;
    listener.forwardX.value = this.ahead.x;
    listener.forwardY.value = this.ahead.y;
    listener.forwardZ.value = this.ahead.z;
    listener.upX.value = this.point.x;
    listener.upY.value = this.point.y;
    listener.upZ.value = this.point.z;
  }
}
