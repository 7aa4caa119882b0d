/** A character's figure at one moment, in wire order, and quaternion arithmetic on flat arrays (x y z w). */

import { FACE_COUNT, JOINT_COUNT } from './skeleton.ts';

export interface Figure {
  /** Metres, (3). */
  root: Float32Array;
  /** Local rotations, (55 x 4). */
  rot: Float32Array;
  /** ARKit weights 0 to 1, (52). */
  face: Float32Array;
}

export function newFigure(): Figure {
  const rot = new Float32Array(JOINT_COUNT * 4);
  for (let j = 0; j < JOINT_COUNT; j++) rot[4 * j + 3] = 1;
  return { root: new Float32Array(3), rot, face: new Float32Array(FACE_COUNT) };
}

export function copyFigure(from: Figure, to: Figure): void {
  to.root.set(from.root);
  to.rot.set(from.rot);
  to.face.set(from.face);
}

/** How coordinates change with the place that they belong to: a turn about the vertical, then a way in metres. */
export interface Shift {
  turnRad: number;
  way: ArrayLike<number>;
}

/** Writes the figure in the shifted coordinates. */
export function shift(figure: Figure, { turnRad, way }: Shift): void {
  const [x, y, z] = figure.root;
  const [sin, cos] = [Math.sin(turnRad), Math.cos(turnRad)];
  figure.root.set([cos * x + sin * z + way[0], y + way[1], cos * z - sin * x + way[2]]);
  multiply([0, Math.sin(turnRad / 2), 0, Math.cos(turnRad / 2)], 0, figure.rot, 0, figure.rot, 0);
}

/** Smoothstep of a share from 0 to 1. */
export function ease(share: number): number {
  const s = Math.min(1, Math.max(0, share));
  return s * s * (3 - 2 * s);
}

/** Writes a + (b - a) * share into `out`. */
export function mix(a: Float32Array, b: Float32Array, share: number, out: Float32Array): void {
  for (let i = 0; i < out.length; i++) out[i] = a[i] + (b[i] - a[i]) * share;
}

/** Slerps every quaternion of flat arrays into `out`, along the shorter way; `out` may be one of them. */
export function slerpAll(a: Float32Array, b: Float32Array, share: number, out: Float32Array): void {
  for (let i = 0; i < out.length; i += 4) {
    let dot = a[i] * b[i] + a[i + 1] * b[i + 1] + a[i + 2] * b[i + 2] + a[i + 3] * b[i + 3];
    const sign = dot < 0 ? -1 : 1;
    dot = Math.min(1, dot * sign);
    let wa = 1 - share;
    let wb = share;
    if (dot < 0.9995) {
      const angle = Math.acos(dot);
      const sin = Math.sin(angle);
      wa = Math.sin(wa * angle) / sin;
      wb = Math.sin(wb * angle) / sin;
    }
    wb *= sign;
    const x = wa * a[i] + wb * b[i];
    const y = wa * a[i + 1] + wb * b[i + 1];
    const z = wa * a[i + 2] + wb * b[i + 2];
    const w = wa * a[i + 3] + wb * b[i + 3];
    const n = 1 / Math.hypot(x, y, z, w);
    out[i] = x * n;
    out[i + 1] = y * n;
    out[i + 2] = z * n;
    out[i + 3] = w * n;
  }
}

/** Writes the figure at `share` of the way from a to b into `out`. */
export function blend(a: Figure, b: Figure, share: number, out: Figure): void {
  mix(a.root, b.root, share, out.root);
  slerpAll(a.rot, b.rot, share, out.rot);
  mix(a.face, b.face, share, out.face);
}

/** Writes p * q of the quaternions at p[i] and q[j] into out[k]. */
export function multiply(
  p: ArrayLike<number>, i: number, q: ArrayLike<number>, j: number, out: Float32Array | number[], k: number,
): void {
  const [px, py, pz, pw] = [p[i], p[i + 1], p[i + 2], p[i + 3]];
  const [qx, qy, qz, qw] = [q[j], q[j + 1], q[j + 2], q[j + 3]];
  out[k] = pw * qx + px * qw + py * qz - pz * qy;
  out[k + 1] = pw * qy - px * qz + py * qw + pz * qx;
  out[k + 2] = pw * qz + px * qy - py * qx + pz * qw;
  out[k + 3] = pw * qw - px * qx - py * qy - pz * qz;
}
