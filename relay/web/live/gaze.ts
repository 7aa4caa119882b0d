/** Turns neck, head and eyes of the idle character towards the user's head, as far as a body likes to. */

import { type Figure, multiply } from './figure.ts';
import { joint, PARENTS, REST_OFFSETS } from './skeleton.ts';

const HEAD_SHARE = 0.6; // the eyes do the rest
const NECK_SHARE = 0.4; // of the head's part
const HEAD_YAW = 0.9; // radians to each side, natural limits
const HEAD_PITCH = 0.45;
const EYE = 0.45;
const FOLLOW_S = 0.35;
const BEHIND = 2.2; // beyond this angle nobody looks back over the shoulder

const NECK = joint('neck');
const HEAD = joint('head');
const EYES = [joint('left_eye'), joint('right_eye')];
const CHAIN = [joint('pelvis'), joint('spine1'), joint('spine2'), joint('spine3')];
const clamp = (v: number, most: number): number => Math.min(most, Math.max(-most, v));

export class Gaze {
  private yaw = 0;
  private pitch = 0;
  private readonly parent = new Float32Array(4);

  /** Turns `figure` towards `target`: a point in the character's own space, metres; null looks ahead. */
  apply(figure: Figure, target: readonly number[] | null, dtS: number): void {
    const [yaw, pitch] = target ? this.wanted(figure, target) : [0, 0];
    const step = 1 - Math.exp(-dtS / FOLLOW_S);
    this.yaw += (yaw - this.yaw) * step;
    this.pitch += (pitch - this.pitch) * step;
    const headYaw = clamp(this.yaw * HEAD_SHARE, HEAD_YAW);
    const headPitch = clamp(this.pitch * HEAD_SHARE, HEAD_PITCH);
    this.turn(figure, NECK, headYaw * NECK_SHARE, headPitch * NECK_SHARE);
    this.turn(figure, HEAD, headYaw * (1 - NECK_SHARE), headPitch * (1 - NECK_SHARE));
    for (const eye of EYES) this.turn(figure, eye, clamp(this.yaw - headYaw, EYE), clamp(this.pitch - headPitch, EYE));
  }

  private wanted(figure: Figure, target: readonly number[]): [number, number] {
    // where the eyes are, near enough: above the pelvis by the rest pose
    let height = 0.06;
    for (let j = HEAD; j > 0; j = PARENTS[j]) height += REST_OFFSETS[j][1];
    const dx = target[0] - figure.root[0];
    const dy = target[1] - (figure.root[1] + height);
    const dz = target[2] - figure.root[2];
    const yaw = Math.atan2(dx, dz);
    if (Math.abs(yaw) > BEHIND) return [0, 0];
    return [yaw, -Math.atan2(dy, Math.hypot(dx, dz))];
  }

  /** Turns a joint about the character's own up and side axes, whatever its parents do. */
  private turn(figure: Figure, j: number, yaw: number, pitch: number): void {
    if (Math.abs(yaw) + Math.abs(pitch) < 1e-4) return;
    const p = this.parent;
    p.set([0, 0, 0, 1]);
    for (const k of CHAIN) multiply(p, 0, figure.rot, 4 * k, p, 0);
    if (j !== NECK) multiply(p, 0, figure.rot, 4 * NECK, p, 0);
    if (j !== NECK && j !== HEAD) multiply(p, 0, figure.rot, 4 * HEAD, p, 0);
    const turned = [0, Math.sin(yaw / 2), 0, Math.cos(yaw / 2)];
    const lifted = [Math.sin(pitch / 2), 0, 0, Math.cos(pitch / 2)];
    const both = [0, 0, 0, 0];
    multiply(turned, 0, lifted, 0, both, 0);
    // into the parent's space: P^-1 D P
    const local = [0, 0, 0, 0];
    multiply(both, 0, p, 0, local, 0);
    multiply([-p[0], -p[1], -p[2], p[3]], 0, local, 0, local, 0);
    multiply(local, 0, figure.rot, 4 * j, figure.rot, 4 * j);
  }
}
