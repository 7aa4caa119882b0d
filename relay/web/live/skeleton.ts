/** Names and rest pose of the wire, from the golden constants that every client is checked against. */

import constants from '../../../unity_protocol/vectors/constants.json' with { type: 'json' };

export const FPS: number = constants.fps;
export const JOINTS: readonly string[] = constants.joints;
export const PARENTS: readonly number[] = constants.parents;
/** Metres from the parent joint in the T-pose; the first row is the pelvis' place. */
export const REST_OFFSETS: readonly (readonly number[])[] = constants.rest_offsets;
export const FACE_NAMES: readonly string[] = constants.face_names;
export const JOINT_COUNT = JOINTS.length; // 55
export const FACE_COUNT = FACE_NAMES.length; // 52

const indices = new Map(JOINTS.map((name, i) => [name, i]));
const shapes = new Map(FACE_NAMES.map((name, i) => [name, i]));

/** The joint's place in wire order; throws for a name that the wire does not have. */
export function joint(name: string): number {
  const i = indices.get(name);
  if (i === undefined) throw new Error(`the wire has no joint ${name}`);
  return i;
}

/** The face shape's place in wire order; throws for a name that the wire does not have. */
export function shape(name: string): number {
  const i = shapes.get(name);
  if (i === undefined) throw new Error(`the wire has no face shape ${name}`);
  return i;
}

/** Close codes after which a client comes back by itself. */
export const CLOSE_CODES = new Map(constants.close_codes.map((c) => [c.code, c]));
