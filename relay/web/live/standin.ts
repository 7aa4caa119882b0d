/** A body for users without a headset: a standing pose and a few gestures from keys, buttons and the pointer.
 *
 * Three points are meant (head, both hands), so these count as measured and the rest as inferred.
 */

import { multiply } from './figure.ts';
import { FPS, joint, JOINT_COUNT, JOINTS } from './skeleton.ts';
import { poseFrame, POSE_CODEC, type MediaFrame } from './wire.ts';

export type Gesture = 'wave' | 'nod' | 'shake' | 'bow' | 'raise';

const GESTURE_S: Record<Gesture, number> = { wave: 2.4, nod: 1.6, shake: 1.8, bow: 2.2, raise: 2.2 };
const RISE_S = 0.35;
const AFTER_S = 1.0; // frames of rest behind a gesture, so that its end is seen
const PELVIS_M = 0.95;
const PLACE_M = [0, PELVIS_M, 1.5]; // before the character, who stands at the origin
const ARM_DOWN = 1.25;

type Quaternion = [number, number, number, number];

const about = (axis: 0 | 1 | 2, angle: number): Quaternion => {
  const q: Quaternion = [0, 0, 0, Math.cos(angle / 2)];
  q[axis] = Math.sin(angle / 2);
  return q;
};

function times(...all: Quaternion[]): Quaternion {
  return all.reduce((p, q) => {
    const out: number[] = [0, 0, 0, 0];
    multiply(p, 0, q, 0, out, 0);
    return out as Quaternion;
  });
}

const inverse = ([x, y, z, w]: Quaternion): Quaternion => [-x, -y, -z, w];

const at = Object.fromEntries(
  ['pelvis', 'spine1', 'head', 'neck', 'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist'].map(
    (name) => [name, joint(name)],
  ),
);
const VALIDITY = Uint8Array.from(JOINTS, (name) =>
  /head|wrist/.test(name) ? 2 : /(index|middle|ring|pinky|thumb)\d|jaw|eye/.test(name) ? 0 : 1,
);

/** Rotations of somebody who stands with arms at the sides, (55 x 4). */
export function standing(): Float32Array {
  const rot = new Float32Array(JOINT_COUNT * 4);
  for (let j = 0; j < JOINT_COUNT; j++) rot[4 * j + 3] = 1;
  rot.set(about(2, -ARM_DOWN), 4 * at.left_shoulder);
  rot.set(about(2, ARM_DOWN), 4 * at.right_shoulder);
  return rot;
}

export class StandIn {
  private gesture: { name: Gesture; s: number } | null = null;
  private restS = 0;
  private yaw = 0;
  private pitch = 0;
  private clockS = 0;

  /** Begins a gesture; one that is going on goes on. */
  do(name: Gesture): void {
    this.gesture ??= { name, s: 0 };
  }

  /** Turns the head: radians, right and up are positive. */
  look(right: number, up: number): void {
    this.yaw = -right;
    this.pitch = -up;
    this.restS = Math.max(this.restS, 0.5);
  }

  /** The next frame, 1/30 s after the last, as it goes up; null while the user does nothing: that is no pose. */
  next(ptsUs: number): MediaFrame | null {
    this.clockS += 1 / FPS;
    if (this.gesture) {
      this.gesture.s += 1 / FPS;
      if (this.gesture.s > GESTURE_S[this.gesture.name]) {
        this.gesture = null;
        this.restS = AFTER_S;
      }
    } else if (this.restS <= 0) return null;
    else this.restS -= 1 / FPS;
    return poseFrame({ root: Float32Array.from(this.root()), rot: this.rotations(), validity: VALIDITY }, POSE_CODEC.s48, ptsUs);
  }

  private root(): number[] {
    // nobody stands quite still; a frozen pose would count as lost tracking
    return [PLACE_M[0] + 0.003 * Math.sin(this.clockS * 1.7), PLACE_M[1] + 0.002 * Math.sin(this.clockS * 2.3), PLACE_M[2]];
  }

  private rotations(): Float32Array {
    const rot = standing();
    rot.set([0, 1, 0, 0], 4 * at.pelvis); // the user faces the character
    let head = times(about(1, this.yaw), about(0, this.pitch));
    const now = this.gesture;
    if (now) {
      const length = GESTURE_S[now.name];
      const rise = Math.min(1, now.s / RISE_S, Math.max(0, (length - now.s) / RISE_S));
      const beat = Math.sin(2 * Math.PI * 2 * now.s);
      if (now.name === 'nod') head = times(head, about(0, 0.3 * rise * (0.5 + 0.5 * beat)));
      if (now.name === 'shake') head = times(head, about(1, 0.4 * rise * beat));
      if (now.name === 'bow') rot.set(about(0, 0.8 * rise), 4 * at.spine1);
      if (now.name === 'wave') this.arm(rot, rise, 0.5 * beat);
      if (now.name === 'raise') this.arm(rot, rise, 0.03 * beat);
    }
    rot.set(head, 4 * at.head);
    return rot;
  }

  /** Raises the right forearm, palm ahead, and leans it `sway` radians to the side. */
  private arm(rot: Float32Array, rise: number, sway: number): void {
    const shoulder = about(2, ARM_DOWN + (0.35 - ARM_DOWN) * rise);
    const raised = times(about(2, sway), about(1, Math.PI / 2), about(2, -Math.PI / 2));
    const bent = times(inverse(shoulder), raised);
    const share = rise * rise * (3 - 2 * rise);
    const sign = bent[3] < 0 ? -1 : 1;
    const elbow = bent.map((v, i) => v * sign * share + (i === 3 ? 1 - share : 0));
    const norm = Math.hypot(...elbow);
    rot.set(shoulder, 4 * at.right_shoulder);
    rot.set(elbow.map((v) => v / norm), 4 * at.right_elbow);
  }
}
