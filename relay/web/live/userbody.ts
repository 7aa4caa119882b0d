/** A headset's head and hands as the wire's 55 joints: what is tracked is measured, the rest is inferred.
 *
 * Everything is in the shared space (right-handed, y up, metres). The wire's body faces +z, a WebXR viewer looks along -z;
 * a WebXR hand joint points along its -z to the finger tip and has the back of the hand at +y.
 */

import { Matrix4, Quaternion, Vector3 } from 'three';
import { JOINT_COUNT, joint, JOINTS, PARENTS, REST_OFFSETS } from './skeleton.ts';
import type { Poses } from './wire.ts';

export interface Tracked {
  position: Vector3;
  rotation: Quaternion;
}

export interface HandTracking {
  wrist: Tracked;
  /** Rotations of index1 ... thumb3 in the wire's order of names, null where only a controller is held. */
  fingers: Map<string, Quaternion> | null;
}

/** Places of body joints, by the wire's names, where the browser tracks the body. */
export type BodyPlaces = ReadonlyMap<string, Vector3>;

export interface Tracking {
  head: Tracked;
  body?: BodyPlaces;
  left: HandTracking | null;
  right: HandTracking | null;
}

const EYES = new Vector3(0, 0.062, 0.078); // from the head joint: where a viewer is
const HALF_TURN = new Quaternion(0, 1, 0, 0);
const FOLLOW = 0.06; // share of the way that the hips turn after the head, a frame
const SIDES = ['left', 'right'] as const;
const rest = (name: string): Vector3 => new Vector3().fromArray([...REST_OFFSETS[joint(name)]]);
const HEAD_OVER_HIPS = ['head', 'neck', 'spine3', 'spine2', 'spine1'].reduce((sum, n) => sum.add(rest(n)), new Vector3());
const THUMB_TURN = Object.fromEntries(
  SIDES.map((side) => {
    const along = new Vector3(side === 'left' ? 1 : -1, 0, 0);
    return [side, new Quaternion().setFromUnitVectors(along, rest(`${side}_thumb2`).normalize())];
  }),
);

/** Turns the rotation of a WebXR hand joint into the wire's: its T-pose fingers point to the side, backs up. */
export function handRotation(xr: Quaternion, side: 'left' | 'right'): Quaternion {
  const x = new Vector3(1, 0, 0).applyQuaternion(xr);
  const y = new Vector3(0, 1, 0).applyQuaternion(xr);
  const z = new Vector3(0, 0, 1).applyQuaternion(xr);
  const basis = side === 'left' ? new Matrix4().makeBasis(z.negate(), y, x) : new Matrix4().makeBasis(z, y, x.negate());
  return new Quaternion().setFromRotationMatrix(basis);
}

export class UserBody {
  private yaw: number | null = null;
  private readonly global: Quaternion[] = JOINTS.map(() => new Quaternion());
  private readonly places: Vector3[] = JOINTS.map(() => new Vector3());

  /** The pose of one frame, with validity. */
  pose(tracking: Tracking): Poses {
    const validity = new Uint8Array(JOINT_COUNT).fill(1);
    const headTurn = tracking.head.rotation.clone().multiply(HALF_TURN);
    const hips = this.hips(headTurn);
    for (const q of this.global) q.copy(hips);
    const head = tracking.head.position.clone().sub(EYES.clone().applyQuaternion(headTurn));
    const root = tracking.body?.get('pelvis')?.clone() ?? head.clone().sub(HEAD_OVER_HIPS.clone().applyQuaternion(hips));
    this.set('head', headTurn);
    validity[joint('head')] = 2;
    this.lay(root);
    for (const side of SIDES) {
      this.hand(side, tracking[side], tracking.body?.get(`${side}_elbow`), validity);
      if (tracking.body) this.leg(side, tracking.body, validity);
    }
    for (const name of ['jaw', 'left_eye', 'right_eye']) {
      this.set(name, headTurn);
      validity[joint(name)] = 0;
    }
    return { root: Float32Array.from(root.toArray()), rot: this.local(), validity };
  }

  /** The hips stand upright and follow the head's heading, slowly. */
  private hips(headTurn: Quaternion): Quaternion {
    const ahead = new Vector3(0, 0, 1).applyQuaternion(headTurn);
    const yaw = Math.atan2(ahead.x, ahead.z);
    this.yaw ??= yaw;
    if (Math.hypot(ahead.x, ahead.z) > 0.2) {
      this.yaw += Math.atan2(Math.sin(yaw - this.yaw), Math.cos(yaw - this.yaw)) * FOLLOW;
    }
    return new Quaternion().setFromAxisAngle(new Vector3(0, 1, 0), this.yaw);
  }

  private set(name: string, rotation: Quaternion): void {
    this.global[joint(name)].copy(rotation);
  }

  private lay(root: Vector3): void {
    this.places[0].copy(root);
    for (let j = 1; j < JOINT_COUNT; j++) {
      const offset = new Vector3().fromArray([...REST_OFFSETS[j]]).applyQuaternion(this.global[PARENTS[j]]);
      this.places[j].copy(this.places[PARENTS[j]]).add(offset);
    }
  }

  /** Points thigh and shin to where the browser sees knee and ankle. */
  private leg(side: 'left' | 'right', body: BodyPlaces, validity: Uint8Array): void {
    const [hip, knee, ankle] = [`${side}_hip`, `${side}_knee`, `${side}_ankle`].map((name) => body.get(name));
    if (!hip || !knee || !ankle) return;
    const down = (name: string): Vector3 => rest(name).normalize();
    this.set(`${side}_hip`, pointing(down(`${side}_knee`), knee.clone().sub(hip), this.global[0]));
    this.set(`${side}_knee`, pointing(down(`${side}_ankle`), ankle.clone().sub(knee), this.global[0]));
    for (const name of ['pelvis', `${side}_hip`, `${side}_knee`]) validity[joint(name)] = 2;
  }

  private hand(side: 'left' | 'right', hand: HandTracking | null, seen: Vector3 | undefined, validity: Uint8Array): void {
    const out = new Vector3(side === 'left' ? 1 : -1, 0, 0);
    const shoulder = this.places[joint(`${side}_shoulder`)];
    const hips = this.global[0];
    const down = new Vector3(out.x * 0.25, -1, 0).normalize().applyQuaternion(hips);
    const wrist = hand?.wrist.position ?? shoulder.clone().addScaledVector(down, 0.5);
    if (seen) validity[joint(`${side}_elbow`)] = 2;
    const elbow = seen ?? bent(shoulder, wrist, new Vector3(out.x * 0.5, -0.7, -0.5).applyQuaternion(hips), side);
    const upper = pointing(out, elbow.clone().sub(shoulder), hips);
    const lower = pointing(out, wrist.clone().sub(elbow), hips);
    this.set(`${side}_shoulder`, upper);
    this.set(`${side}_elbow`, lower);
    const palm = hand ? handRotation(hand.wrist.rotation, side) : lower;
    this.set(`${side}_wrist`, palm);
    validity[joint(`${side}_wrist`)] = hand ? 2 : 1;
    for (const name of JOINTS) {
      if (!/\d$/.test(name) || !name.startsWith(side) || !/(index|middle|ring|pinky|thumb)/.test(name)) continue;
      const tracked = hand?.fingers?.get(name);
      validity[joint(name)] = tracked ? 2 : 0;
      const turned = tracked ? handRotation(tracked, side) : palm;
      this.set(name, tracked && name.includes('thumb') ? turned.multiply(THUMB_TURN[side].clone().invert()) : turned);
    }
  }

  private local(): Float32Array {
    const rot = new Float32Array(JOINT_COUNT * 4);
    const q = new Quaternion();
    for (let j = 0; j < JOINT_COUNT; j++) {
      q.copy(this.global[j]);
      if (PARENTS[j] >= 0) q.premultiply(this.global[PARENTS[j]].clone().invert());
      q.normalize().toArray(rot, 4 * j);
    }
    return rot;
  }
}

/** The elbow of an arm from shoulder to wrist that bends towards `pole`; an arm that is too short stretches. */
function bent(shoulder: Vector3, wrist: Vector3, pole: Vector3, side: string): Vector3 {
  const a = rest(`${side}_elbow`).length();
  const b = rest(`${side}_wrist`).length();
  const way = wrist.clone().sub(shoulder);
  const length = Math.max(1e-4, way.length());
  way.divideScalar(length);
  const along = length >= a + b ? (length * a) / (a + b) : (a * a - b * b + length * length) / (2 * length);
  const off = Math.sqrt(Math.max(0, a * a - along * along));
  const side_ = pole.clone().addScaledVector(way, -pole.dot(way)).normalize();
  return shoulder.clone().addScaledVector(way, along).addScaledVector(side_, length >= a + b ? 0 : off);
}

/** Turns the body's `out` axis to `way` by the shortest arc. */
function pointing(out: Vector3, way: Vector3, hips: Quaternion): Quaternion {
  const from = out.clone().applyQuaternion(hips);
  return new Quaternion().setFromUnitVectors(from, way.normalize()).multiply(hips);
}
