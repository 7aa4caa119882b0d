/** Poses of the wire on a foreign skeleton: by world rotations, corrected for where its limbs point at rest.
 *
 * The wire's rotations are relative to a T-pose. A bone whose limb points elsewhere at rest (arms of an A-pose, bent
 * fingers) is first turned to where the wire's limb points; then it turns as the wire's joint does. Bones between two
 * known ones keep their own rest rotation; joints that a skeleton lacks hand their turn on to their children.
 */

import { type Object3D, Quaternion, Vector3 } from 'three';
import type { Figure } from './figure.ts';
import { JOINT_COUNT, joint, JOINTS, PARENTS, REST_OFFSETS } from './skeleton.ts';

interface Bone {
  joint: number;
  node: Object3D;
  /** World rotation at rest, limb turned to the wire's T-pose, in the character's space. */
  rest: Quaternion;
}

/** The joint towards which a joint's limb points. Feet and spine are as the model has them. */
const LIMBS: ReadonlyMap<string, string> = new Map(
  ['left', 'right'].flatMap((side): [string, string][] => [
    [`${side}_shoulder`, `${side}_elbow`],
    [`${side}_elbow`, `${side}_wrist`],
    [`${side}_wrist`, `${side}_middle1`],
    [`${side}_hip`, `${side}_knee`],
    [`${side}_knee`, `${side}_ankle`],
    ...['index', 'middle', 'ring', 'pinky', 'thumb'].flatMap((finger): [string, string][] => [
      [`${side}_${finger}1`, `${side}_${finger}2`],
      [`${side}_${finger}2`, `${side}_${finger}3`],
    ]),
  ]),
);

export class Retarget {
  private readonly bones: Bone[];
  private readonly byJoint = new Map<number, Bone>();
  private readonly root: Object3D;
  private readonly hips: Object3D;
  private readonly hipsRest = new Vector3();
  /** The model's size against the wire's body. */
  readonly scale: number;
  private readonly global: Quaternion[] = JOINTS.map(() => new Quaternion());
  private readonly q = new Quaternion();
  private readonly v = new Vector3();
  private readonly rootTurn = new Quaternion();

  /** `root` is the character's space (faces +z); `nodes` has the node of each joint that the model has, at rest. */
  constructor(root: Object3D, nodes: ReadonlyMap<string, Object3D>) {
    this.root = root;
    root.updateWorldMatrix(true, true);
    this.bones = [...nodes].map(([name, node]) => ({ joint: joint(name), node, rest: this.inRoot(node) }));
    this.bones.sort((a, b) => a.joint - b.joint); // parents stand before children
    for (const bone of this.bones) {
      this.byJoint.set(bone.joint, bone);
      bone.rest.premultiply(this.correction(bone.joint, nodes));
    }
    this.hips = nodes.get('pelvis')!;
    root.worldToLocal(this.hips.getWorldPosition(this.hipsRest));
    // models for tests may have their hips on the ground
    this.scale = this.hipsRest.y > 0.05 ? this.hipsRest.y / REST_OFFSETS[0][1] : 1;
  }

  private inRoot(node: Object3D): Quaternion {
    const world = node.getWorldQuaternion(new Quaternion());
    return world.premultiply(this.root.getWorldQuaternion(new Quaternion()).invert());
  }

  /** Turns the limb from where it points at rest to where the wire's points. */
  private correction(index: number, nodes: ReadonlyMap<string, Object3D>): Quaternion {
    const towards = LIMBS.get(JOINTS[index]);
    const from = nodes.get(JOINTS[index]);
    const to = towards && nodes.get(towards);
    if (!from || !to) {
      // the last joint of a finger goes with the one before it
      const parent = /\d$/.test(JOINTS[index]) && /[^1]$/.test(JOINTS[index]) ? PARENTS[index] : -1;
      return parent >= 0 && LIMBS.has(JOINTS[parent]) ? this.correction(parent, nodes) : new Quaternion();
    }
    const a = this.root.worldToLocal(from.getWorldPosition(new Vector3()));
    const b = this.root.worldToLocal(to.getWorldPosition(new Vector3()));
    const wire = new Vector3().fromArray([...REST_OFFSETS[joint(towards!)]]).normalize();
    const has = b.sub(a);
    return has.length() < 1e-5 ? new Quaternion() : new Quaternion().setFromUnitVectors(has.normalize(), wire);
  }

  /** Shows body, hands and eyes of `figure`. */
  apply(figure: Figure): void {
    for (let j = 0; j < JOINT_COUNT; j++) {
      this.global[j].fromArray(figure.rot, 4 * j);
      if (PARENTS[j] >= 0) this.global[j].premultiply(this.global[PARENTS[j]]);
    }
    this.root.updateWorldMatrix(true, false);
    this.rootTurn.setFromRotationMatrix(this.root.matrixWorld);
    for (const { joint: j, node, rest } of this.bones) {
      node.parent!.updateWorldMatrix(false, false);
      this.q.setFromRotationMatrix(node.parent!.matrixWorld).invert();
      node.quaternion.copy(this.q).multiply(this.rootTurn).multiply(this.global[j]).multiply(rest);
      if (j === 0) this.placeHips(figure);
      node.updateMatrix();
      node.updateWorldMatrix(false, false);
    }
  }

  private placeHips(figure: Figure): void {
    const rest = REST_OFFSETS[0];
    this.v.set(figure.root[0] - rest[0], figure.root[1] - rest[1], figure.root[2] - rest[2]);
    this.v.multiplyScalar(this.scale).add(this.hipsRest);
    this.root.localToWorld(this.v);
    this.hips.position.copy(this.hips.parent!.worldToLocal(this.v));
  }

  /** Reads local rotations of the wire's joints back from the scene; identity for joints that the model lacks. */
  read(): number[][] {
    const global = JOINTS.map(() => new Quaternion());
    return JOINTS.map((_, j) => {
      const bone = this.byJoint.get(j);
      const above = PARENTS[j] >= 0 ? global[PARENTS[j]] : new Quaternion();
      if (!bone) {
        global[j].copy(above);
        return [0, 0, 0, 1];
      }
      global[j].copy(this.inRoot(bone.node)).multiply(bone.rest.clone().invert());
      return above.clone().invert().multiply(global[j]).toArray() as number[];
    });
  }

  /** Whether the model has this joint. */
  has(name: string): boolean {
    return this.byJoint.has(joint(name));
  }
}
