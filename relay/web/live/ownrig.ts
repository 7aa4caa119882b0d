/** A character's own avatar: a GLB with the wire's joints and face shapes. */

import { Mesh, type Material, type Object3D, type Vector3 } from 'three';
import { Avatar } from '../src/avatar.ts';
import type { Figure } from './figure.ts';
import type { Rig } from './rig.ts';
import { FACE_NAMES, JOINTS } from './skeleton.ts';

const MOUTH = { x: 0, y: 0.02, z: 0.1 }; // from the head joint, metres

export class OwnRig implements Rig {
  readonly root;
  readonly title: string;
  readonly lacks = [];
  private readonly avatar: Avatar;
  private readonly head: Object3D;

  private constructor(avatar: Avatar, title: string) {
    this.avatar = avatar;
    this.root = avatar.root;
    this.title = title;
    this.head = avatar.root.getObjectByName('head')!;
  }

  /** Loads `/avatar/<character>.glb` of the page. Throws Error in plain words. */
  static async load(character: string, title: string): Promise<OwnRig> {
    const response = await fetch(`avatar/${encodeURIComponent(character)}.glb`);
    if (!response.ok) throw new Error(`There is no avatar file for ${title} on this server (${response.status}).`);
    const avatar = await Avatar.load(await response.arrayBuffer());
    const { joints, shapes } = avatar.names;
    if (joints.join() !== JOINTS.join() || shapes.join() !== FACE_NAMES.join()) {
      throw new Error(`The avatar file of ${title} was made for another version of the protocol; build the page again.`);
    }
    return new OwnRig(avatar, title);
  }

  show(figure: Figure): void {
    this.avatar.applyPose(figure.root, figure.rot, 0, 0, 0);
    this.avatar.applyFace(figure.face, 0, 0, 0);
  }

  update(): void {}

  mouth(out: Vector3): void {
    this.head.localToWorld(out.set(MOUTH.x, MOUTH.y, MOUTH.z));
  }

  shown(): ReturnType<Rig['shown']> {
    return this.avatar.shown();
  }

  dispose(): void {
    disposeTree(this.root);
  }
}

/** Frees what a model holds on the GPU. */
export function disposeTree(root: Object3D): void {
  root.removeFromParent();
  root.traverse((node) => {
    if (!(node instanceof Mesh)) return;
    node.geometry.dispose();
    for (const material of [node.material].flat() as Material[]) material.dispose();
  });
}
