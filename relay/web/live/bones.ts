/** Which bone of a foreign skeleton is which joint of the wire, by the names that people use. */

import { JOINTS } from './skeleton.ts';

const FINGERS = ['index', 'middle', 'pinky', 'ring', 'thumb'];

/** VRM's humanoid bone for each joint of the wire. Source: VRMC_vrm 1.0, humanoid. */
export const VRM_BONES: ReadonlyMap<string, string> = new Map([
  ['pelvis', 'hips'],
  ['spine1', 'spine'],
  ['spine2', 'chest'],
  ['spine3', 'upperChest'],
  ['neck', 'neck'],
  ['head', 'head'],
  ['jaw', 'jaw'],
  ...sides((side) => [
    [`${side}_eye`, `${side}Eye`],
    [`${side}_collar`, `${side}Shoulder`],
    [`${side}_shoulder`, `${side}UpperArm`],
    [`${side}_elbow`, `${side}LowerArm`],
    [`${side}_wrist`, `${side}Hand`],
    [`${side}_hip`, `${side}UpperLeg`],
    [`${side}_knee`, `${side}LowerLeg`],
    [`${side}_ankle`, `${side}Foot`],
    [`${side}_foot`, `${side}Toes`],
    ...FINGERS.flatMap((finger) => vrmFinger(side, finger)),
  ]),
]);

function vrmFinger(side: string, finger: string): [string, string][] {
  const name = finger === 'pinky' ? 'Little' : finger.charAt(0).toUpperCase() + finger.slice(1);
  const parts = finger === 'thumb' ? ['Metacarpal', 'Proximal', 'Distal'] : ['Proximal', 'Intermediate', 'Distal'];
  return parts.map((part, i) => [`${side}_${finger}${i + 1}`, `${side}${name}${part}`]);
}

function sides(make: (side: string) => [string, string][]): [string, string][] {
  return ['left', 'right'].flatMap(make);
}

/** Names in Mixamo's and Ready Player Me's way, lower case without marks. */
const RIG_NAMES: ReadonlyMap<string, string[]> = new Map([
  ['pelvis', ['hips', 'pelvis']],
  ['spine1', ['spine']],
  ['spine2', ['spine1', 'chest']],
  ['spine3', ['spine2', 'upperchest']],
  ['neck', ['neck']],
  ['head', ['head']],
  ['jaw', ['jaw']],
  ...(['left', 'right'] as const).flatMap((side): [string, string[]][] => [
    [`${side}_eye`, [`${side}eye`, `eye${side}`]],
    [`${side}_collar`, [`${side}shoulder`, `${side}clavicle`]],
    [`${side}_shoulder`, [`${side}arm`, `${side}upperarm`]],
    [`${side}_elbow`, [`${side}forearm`, `${side}lowerarm`]],
    [`${side}_wrist`, [`${side}hand`, `${side}wrist`]],
    [`${side}_hip`, [`${side}upleg`, `${side}upperleg`, `${side}thigh`]],
    [`${side}_knee`, [`${side}leg`, `${side}lowerleg`, `${side}calf`]],
    [`${side}_ankle`, [`${side}foot`]],
    [`${side}_foot`, [`${side}toebase`, `${side}toes`]],
    ...FINGERS.flatMap((finger) =>
      [1, 2, 3].map((n): [string, string[]] => {
        const vrm = vrmFinger(side, finger)[n - 1][1].toLowerCase();
        return [`${side}_${finger}${n}`, [`${side}hand${finger}${n}`, `${side}${finger}${n}`, vrm]];
      }),
    ),
  ]),
]);

/** Joint of the wire -> node name of the file, as far as the file has it. */
export function matchNames(names: readonly string[]): Map<string, string> {
  const plain = new Map(names.map((name) => [bare(name), name]));
  const own = names.includes('left_collar');
  const found = new Map<string, string>();
  for (const joint of JOINTS) {
    const wanted = own ? [bare(joint)] : (RIG_NAMES.get(joint) ?? []);
    const name = wanted.map((w) => plain.get(w)).find((n) => n !== undefined);
    if (name !== undefined) found.set(joint, name);
  }
  return found;
}

function bare(name: string): string {
  return name
    .replace(/^mixamorig\d*:?/i, '')
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '');
}
