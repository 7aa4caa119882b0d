/** A character's body: loads a GLB with the wire's 55 joints and 52 face shapes, and is posed from wire data. */

import {
  Bone,
  Group,
  Material,
  Mesh,
  MeshBasicMaterial,
  MeshPhysicalMaterial,
  MeshStandardMaterial,
  Object3D,
  Quaternion,
} from 'three';
import { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js';

/** Joint and face shape names in wire order; they come from `ready` on a live session, else from the file itself. */
export interface Names {
  joints: readonly string[];
  shapes: readonly string[];
}

const from = new Quaternion();
const to = new Quaternion();

export class Avatar {
  readonly root = new Group();
  private readonly bones: Bone[];
  private readonly faces: Mesh[];

  private constructor(scene: Object3D, readonly names: Names) {
    this.root.add(scene);
    const byName = new Map<string, Bone>();
    this.faces = [];
    scene.traverse((node) => {
      if (node instanceof Bone) byName.set(node.name, node);
      if (!(node instanceof Mesh)) return;
      node.castShadow = true;
      node.receiveShadow = true;
      // a skinned body is drawn where its bones are, not where its rest pose is
      node.frustumCulled = false;
      node.material = shaded(node.material as Material);
      if (node.morphTargetInfluences) this.faces.push(node);
    });
    this.bones = names.joints.map((joint) => {
      const bone = byName.get(joint);
      if (!bone) throw new Error(`the avatar has no joint ${joint}`);
      return bone;
    });
  }

  /** Loads a GLB from memory; throws when a joint or a face shape is missing. */
  static async load(glb: ArrayBuffer): Promise<Avatar> {
    const gltf = await new GLTFLoader().parseAsync(glb, '');
    const json = gltf.parser.json;
    const joints = json.skins[0].joints.map((i: number) => json.nodes[i].name as string);
    const withShapes = json.meshes.find((m: { extras?: { targetNames?: string[] } }) => m.extras?.targetNames);
    if (!withShapes) throw new Error('the avatar has no face shapes');
    return new Avatar(gltf.scene, { joints, shapes: withShapes.extras.targetNames });
  }

  /** Shows the pose at `share` (0 to 1) of the way from one frame to the next. */
  applyPose(rootM: Float32Array, rot: Float32Array, frame: number, next: number, share: number): void {
    for (let j = 0; j < this.bones.length; j++) {
      from.fromArray(rot, (frame * this.bones.length + j) * 4).normalize();
      to.fromArray(rot, (next * this.bones.length + j) * 4).normalize();
      this.bones[j].quaternion.slerpQuaternions(from, to, share);
    }
    const p = this.bones[0].position;
    const a = frame * 3;
    const b = next * 3;
    p.set(
      rootM[a] + (rootM[b] - rootM[a]) * share,
      rootM[a + 1] + (rootM[b + 1] - rootM[a + 1]) * share,
      rootM[a + 2] + (rootM[b + 2] - rootM[a + 2]) * share,
    );
  }

  /** Shows face shapes (52 a frame, 0 to 1) at `share` of the way from one frame to the next. */
  applyFace(face: Float32Array, frame: number, next: number, share: number): void {
    const count = this.names.shapes.length;
    for (const mesh of this.faces) {
      const shown = mesh.morphTargetInfluences!;
      for (let i = 0; i < count; i++) {
        const a = face[frame * count + i];
        shown[i] = a + (face[next * count + i] - a) * share;
      }
    }
  }

  /** Where the pelvis is, metres. */
  place(): [number, number, number] {
    const { x, y, z } = this.bones[0].position;
    return [x, y, z];
  }

  /** What is shown now, for tests and for the recorder: local quaternions x y z w and face shapes. */
  shown(): { root: number[]; rot: number[][]; face: number[] } {
    return {
      root: this.bones[0].position.toArray(),
      rot: this.bones.map((b) => b.quaternion.toArray() as number[]),
      face: Array.from(this.faces[0].morphTargetInfluences!),
    };
  }

  /** Makes the whole body a translucent figure, for showing the user beside the character. */
  ghost(colour: number): void {
    const see = new MeshBasicMaterial({ color: colour, transparent: true, opacity: 0.16, depthWrite: false });
    this.root.traverse((node) => {
      if (!(node instanceof Mesh)) return;
      node.material = see;
      node.castShadow = false;
      node.receiveShadow = false;
    });
  }
}

/** Lets a surface shine by `share` of its own vertex colours, whatever light falls on it. */
function lit(material: MeshStandardMaterial, share: number): MeshStandardMaterial {
  material.onBeforeCompile = (shader) => {
    shader.fragmentShader = shader.fragmentShader.replace(
      '#include <emissivemap_fragment>',
      `#include <emissivemap_fragment>\n totalEmissiveRadiance += vColor.rgb * ${share.toFixed(2)};`,
    );
  };
  return material;
}

/** Gives a material of the file its surface: soft skin, sheen on cloth and hair, light in what glows. */
function shaded(source: Material): Material {
  const std = source as MeshStandardMaterial;
  const common = { name: std.name, vertexColors: true, roughness: std.roughness, metalness: std.metalness };
  switch (std.name) {
    case 'glow':
      return new MeshBasicMaterial({ name: std.name, vertexColors: true, toneMapped: false });
    case 'inside':
      // no lamp reaches into a mouth, so the rim light behind the head must not either
      return new MeshBasicMaterial({ name: std.name, vertexColors: true });
    case 'skin':
      return new MeshPhysicalMaterial({ ...common, sheen: 0.6, sheenRoughness: 0.55, sheenColor: 0xd87a5a });
    case 'cloth':
      return new MeshPhysicalMaterial({ ...common, sheen: 0.5, sheenRoughness: 0.7, sheenColor: 0x8f99a8 });
    case 'hair':
      return new MeshPhysicalMaterial({ ...common, sheen: 0.7, sheenRoughness: 0.35, sheenColor: 0xa08060 });
    case 'copper':
    case 'brass':
      return new MeshStandardMaterial({ ...common, envMapIntensity: 1.7 });
    case 'lens':
      return lit(new MeshStandardMaterial(common), 0.75);
    case 'gloss':
      return new MeshPhysicalMaterial({ ...common, clearcoat: 0.6, clearcoatRoughness: 0.2 });
    default:
      return new MeshStandardMaterial(common);
  }
}
