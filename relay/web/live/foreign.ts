/** A body from a file that the user dropped: VRM 0.x, VRM 1.0, or a GLB with a humanoid skeleton. */

import { Box3, Group, MathUtils, Mesh, type Object3D, Quaternion, Vector3 } from 'three';
import { GLTFLoader, type GLTF } from 'three/addons/loaders/GLTFLoader.js';
import { type VRM, type VRMHumanBoneName, VRMLoaderPlugin, VRMLookAtExpressionApplier, VRMUtils } from '@pixiv/three-vrm';
import { matchNames, VRM_BONES } from './bones.ts';
import { faceOf, type FaceRig } from './faces.ts';
import type { Figure } from './figure.ts';
import { disposeTree } from './ownrig.ts';
import { Retarget } from './retarget.ts';
import type { Rig } from './rig.ts';
import { joint } from './skeleton.ts';

const MAX_BYTES = 100 * 2 ** 20;
const NEEDED = ['pelvis', 'head', 'left_shoulder', 'right_shoulder', 'left_hip', 'right_hip'];
const EYE = joint('left_eye');
const SPRING_STEP_S = 1 / 60;
const OUR_HEIGHT_M = 1.75;
const HEAD_SHARE = 1.55 / 1.75; // the head joint's height in a body's

/** The file cannot be worn; `message` says why, for a person. */
export class AvatarError extends Error {}

export class ForeignRig implements Rig {
  readonly root = new Group();
  readonly title: string;
  readonly lacks: string[] = [];
  readonly kind: string;
  /** Its height against the wire's body, for the camera. */
  readonly scale: number;
  private readonly vrm: VRM | null;
  private readonly body: Retarget;
  private readonly face: FaceRig;
  private readonly head: Object3D;
  /** Its eyes are no bones but expressions (lookLeft, ...). */
  private readonly looks: boolean;
  private readonly ahead = new Vector3();
  private readonly eye = new Quaternion();

  private constructor(gltf: GLTF, vrm: VRM | null, name: string) {
    this.vrm = vrm;
    this.title = name;
    this.kind = vrm ? (vrm.meta.metaVersion === '0' ? 'VRM 0.x' : 'VRM 1.0') : 'GLB';
    const scene = vrm?.scene ?? gltf.scene;
    if (vrm) VRMUtils.rotateVRM0(vrm); // 0.x faces -z
    this.root.add(scene);
    const nodes = vrm ? vrmNodes(vrm) : glbNodes(scene);
    if (vrm) vrm.humanoid.autoUpdateHumanBones = false; // we turn the bones themselves
    const missing = NEEDED.filter((joint) => !nodes.has(joint));
    if (missing.length) {
      throw new AvatarError(`${name} has no skeleton of a person that we know: ${missing.join(', ')} not found among its bones.`);
    }
    this.body = new Retarget(this.root, nodes);
    this.face = faceOf(scene, vrm);
    this.head = nodes.get('head')!;
    this.looks = !nodes.has('left_eye') && vrm?.lookAt?.applier instanceof VRMLookAtExpressionApplier;
    this.scale = heightOf(scene, this.root, this.head) / OUR_HEIGHT_M;
    this.prepare(scene);
    this.note(scene);
  }

  /** Reads a file. Throws AvatarError in plain words. */
  static async load(file: Blob, name: string): Promise<ForeignRig> {
    if (file.size > MAX_BYTES) throw new AvatarError(`${name} is larger than 100 MB; a headset could not show it.`);
    const data = await file.arrayBuffer();
    if (data.byteLength < 20 || new DataView(data).getUint32(0, true) !== 0x46546c67) {
      throw new AvatarError(`${name} is not a VRM or GLB file (it does not begin with "glTF").`);
    }
    const loader = new GLTFLoader();
    loader.register((parser) => new VRMLoaderPlugin(parser));
    let gltf: GLTF;
    try {
      gltf = await loader.parseAsync(data, '');
    } catch (error) {
      throw new AvatarError(`${name} is broken and cannot be read: ${error instanceof Error ? error.message : error}`);
    }
    return new ForeignRig(gltf, (gltf.userData.vrm as VRM | undefined) ?? null, name);
  }

  private prepare(scene: Object3D): void {
    scene.traverse((node) => {
      node.frustumCulled = false;
      if (!(node instanceof Mesh)) return;
      node.castShadow = true;
      node.receiveShadow = true;
    });
  }

  private note(scene: Object3D): void {
    let meshes = 0;
    scene.traverse((node) => (meshes += node instanceof Mesh ? 1 : 0));
    if (!meshes) this.lacks.push('it has nothing to see');
    if (!this.body.has('left_index1')) this.lacks.push('it has no fingers');
    if (!this.body.has('left_eye') && !this.looks) this.lacks.push('its eyes do not turn');
    if (this.face.kind === 'none') this.lacks.push('its face does not move');
  }

  show(figure: Figure): void {
    this.body.apply(figure);
    this.face.show(figure.face);
    if (this.looks) this.turnEyes(figure);
  }

  private turnEyes({ rot }: Figure): void {
    const { x, y, z } = this.ahead.set(0, 0, 1).applyQuaternion(this.eye.fromArray(rot, 4 * EYE));
    const lookAt = this.vrm!.lookAt!;
    lookAt.yaw = MathUtils.radToDeg(Math.atan2(x, z)); // to the character's left
    lookAt.pitch = MathUtils.radToDeg(Math.atan2(-y, Math.hypot(x, z))); // down
  }

  update(dtS: number): void {
    // long frames in one step would throw springs about
    for (let left = Math.min(dtS, 0.1); left > 0 && this.vrm; left -= SPRING_STEP_S * 2) {
      this.vrm.update(Math.min(left, SPRING_STEP_S * 2));
    }
  }

  mouth(out: Vector3): void {
    this.head.getWorldPosition(out);
    this.root.worldToLocal(out);
    out.add(new Vector3(0, 0.02 * this.scale, 0.1 * this.scale));
    this.root.localToWorld(out);
  }

  shown(): ReturnType<Rig['shown']> {
    const rot = this.body.read();
    return { root: rot[0].slice(0, 3), rot, face: this.face.read() };
  }

  /** How its face moves: by ARKit shapes, by VRM presets, or not. */
  get faceKind(): string {
    return this.face.kind;
  }

  dispose(): void {
    disposeTree(this.root);
    if (this.vrm) VRMUtils.deepDispose(this.vrm.scene);
  }
}

function vrmNodes(vrm: VRM): Map<string, Object3D> {
  const nodes = new Map<string, Object3D>();
  for (const [joint, bone] of VRM_BONES) {
    const node = vrm.humanoid.getRawBoneNode(bone as VRMHumanBoneName);
    if (node) nodes.set(joint, node);
  }
  return nodes;
}

function glbNodes(scene: Object3D): Map<string, Object3D> {
  const byName = new Map<string, Object3D>();
  scene.traverse((node) => byName.set(node.name, node));
  const nodes = new Map<string, Object3D>();
  for (const [joint, name] of matchNames([...byName.keys()])) nodes.set(joint, byName.get(name)!);
  return nodes;
}

/** How high the model is, metres; by its head joint where nothing is to be seen. */
function heightOf(scene: Object3D, root: Object3D, head: Object3D): number {
  const joint = root.worldToLocal(head.getWorldPosition(new Vector3())).y / HEAD_SHARE;
  const top = new Box3().setFromObject(scene).max.y;
  return Math.max(Number.isFinite(top) ? Math.min(top, 2 * Math.abs(joint)) : 0, joint, 0.3);
}
