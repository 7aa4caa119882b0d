/** Takes the jump out of a change of source: what differs at the seam runs out over 250 ms, velocity included.
 *
 * Source of the method: David Bollo, "Inertialization: High-Performance Animation Transitions in Gears of War" (2018).
 */

import { copyFigure, type Figure, multiply, newFigure, type Shift, shift } from './figure.ts';
import { FACE_COUNT, FACE_NAMES, JOINT_COUNT } from './skeleton.ts';

const DURATION_S = 0.25;

/** Lips belong to the sound from its first sample on: on the way into speech they are not faded. */
const OF_SOUND = FACE_NAMES.map((name) => /^(jaw|mouth|tongue|cheekPuff)/.test(name));

/** A quintic from x0 with speed v0 to 0 at rest. */
export interface Decay {
  x0: number;
  v0: number;
  t1: number;
  a0: number;
}

/** v0 that would move away from 0 counts as 0; a fast one shortens the way, so that it does not overshoot. */
export function decay(x0: number, v0: number): Decay {
  const v = Math.min(0, v0);
  const t1 = v < 0 ? Math.min(DURATION_S, (-5 * x0) / v) : DURATION_S;
  const a0 = t1 > 0 ? Math.max(0, (-8 * v * t1 - 20 * x0) / (t1 * t1)) : 0;
  return { x0, v0: v, t1, a0 };
}

/** Value after `t` seconds. */
export function decayed({ x0, v0, t1, a0 }: Decay, t: number): number {
  if (t >= t1) return 0;
  const t2 = t1 * t1;
  const A = -(a0 * t2 + 6 * v0 * t1 + 12 * x0) / (2 * t2 * t2 * t1);
  const B = (3 * a0 * t2 + 16 * v0 * t1 + 30 * x0) / (2 * t2 * t2);
  const C = -(3 * a0 * t2 + 12 * v0 * t1 + 20 * x0) / (2 * t2 * t1);
  return ((((A * t + B) * t + C) * t + a0 / 2) * t + v0) * t + x0;
}

export class Inertia {
  private readonly axes = new Float32Array(JOINT_COUNT * 3);
  private readonly angles: Decay[] = Array.from({ length: JOINT_COUNT }, () => decay(0, 0));
  private readonly rootWay = new Float32Array(3);
  private rootDecay = decay(0, 0);
  private readonly faceOff = new Float32Array(FACE_COUNT);
  private readonly shown = newFigure();
  private readonly before = newFigure();
  private dtS = 1 / 60;
  private sinceS = 10;
  private any = false;

  /** The seam: from now on figures come from another source, whose first one is `target`. */
  start(target: Figure, intoSpeech: boolean): void {
    if (!this.any) return;
    for (let j = 0; j < JOINT_COUNT; j++) this.startJoint(j, target);
    this.startRoot(target);
    for (let i = 0; i < FACE_COUNT; i++) {
      this.faceOff[i] = intoSpeech && OF_SOUND[i] ? 0 : this.shown.face[i] - target.face[i];
    }
    this.sinceS = 0;
  }

  /** The character takes another place; what was shown stays where it is in the room. */
  move(by: Shift): void {
    shift(this.shown, by);
    shift(this.before, by);
  }

  private startJoint(j: number, target: Figure): void {
    const axis = rotationBetween(target.rot, this.shown.rot, 4 * j);
    const was = rotationBetween(target.rot, this.before.rot, 4 * j);
    const along = was[3] * (was[0] * axis[0] + was[1] * axis[1] + was[2] * axis[2]);
    this.axes.set(axis.slice(0, 3), 3 * j);
    this.angles[j] = decay(axis[3], (axis[3] - along) / this.dtS);
  }

  private startRoot(target: Figure): void {
    const off = [0, 1, 2].map((i) => this.shown.root[i] - target.root[i]);
    const was = [0, 1, 2].map((i) => this.before.root[i] - target.root[i]);
    const x0 = Math.hypot(...off);
    if (x0 > 1e-6) this.rootWay.set(off.map((v) => v / x0));
    const along = was[0] * this.rootWay[0] + was[1] * this.rootWay[1] + was[2] * this.rootWay[2];
    this.rootDecay = decay(x0, (x0 - along) / this.dtS);
  }

  /** Adds what is left of the seam to `figure`, which is shown next; call it once a frame, `dtS` after the last. */
  apply(figure: Figure, dtS: number): void {
    this.dtS = Math.max(1e-3, dtS);
    if (this.sinceS < DURATION_S) {
      for (let j = 0; j < JOINT_COUNT; j++) this.applyJoint(figure, j);
      const way = decayed(this.rootDecay, this.sinceS);
      for (let i = 0; i < 3; i++) figure.root[i] += this.rootWay[i] * way;
      const s = 1 - this.sinceS / DURATION_S;
      const left = s * s * (3 - 2 * s);
      for (let i = 0; i < FACE_COUNT; i++) figure.face[i] += this.faceOff[i] * left;
    }
    this.sinceS += dtS;
    copyFigure(this.any ? this.shown : figure, this.before);
    copyFigure(figure, this.shown);
    this.any = true;
  }

  private applyJoint(figure: Figure, j: number): void {
    const angle = decayed(this.angles[j], this.sinceS) / 2;
    if (Math.abs(angle) < 1e-6) return;
    const sin = Math.sin(angle);
    const off = [this.axes[3 * j] * sin, this.axes[3 * j + 1] * sin, this.axes[3 * j + 2] * sin, Math.cos(angle)];
    multiply(off, 0, figure.rot, 4 * j, figure.rot, 4 * j);
  }

  /** True while something of a seam is left. */
  get busy(): boolean {
    return this.sinceS < DURATION_S;
  }
}

/** Axis (3) and angle (0 to pi) that turn a's quaternion at `i` into b's. */
function rotationBetween(a: Float32Array, b: Float32Array, i: number): [number, number, number, number] {
  const inverse = [-a[i], -a[i + 1], -a[i + 2], a[i + 3]];
  const q = [0, 0, 0, 0];
  multiply(b, i, inverse, 0, q, 0);
  const sign = q[3] < 0 ? -1 : 1;
  const sin = Math.hypot(q[0], q[1], q[2]);
  if (sin < 1e-7) return [1, 0, 0, 0];
  const angle = 2 * Math.atan2(sin, q[3] * sign);
  return [(q[0] * sign) / sin, (q[1] * sign) / sin, (q[2] * sign) / sin, angle];
}
