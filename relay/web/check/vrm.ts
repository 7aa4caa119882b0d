/** Loads a VRM as a program with three-vrm does, uses it, and says what happened. For `tests/e2e/test_avatar_vrm.py`. */

import { VRMLoaderPlugin, type VRM } from '@pixiv/three-vrm';
import { Mesh, Object3D, Quaternion, Vector3 } from 'three';
import { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js';

declare global {
  interface Window {
    checkVrm: (base64: string) => Promise<Record<string, unknown>>;
  }
}

function faceWeights(vrm: VRM): Record<string, number> {
  const out: Record<string, number> = {};
  vrm.scene.traverse((node) => {
    if (!(node instanceof Mesh) || !node.morphTargetInfluences) return;
    for (const [name, index] of Object.entries(node.morphTargetDictionary!)) {
      if (node.morphTargetInfluences[index] > 1e-6) out[name] = Number(node.morphTargetInfluences[index].toFixed(4));
    }
  });
  return out;
}

/** Face shapes that move when one expression is full. */
function shown(vrm: VRM, expression: string): Record<string, number> {
  vrm.expressionManager!.setValue(expression, 1);
  vrm.update(1 / 60);
  const weights = faceWeights(vrm);
  vrm.expressionManager!.setValue(expression, 0);
  vrm.update(1 / 60);
  return weights;
}

function lookingAt(vrm: VRM, x: number, y: number): Record<string, number> {
  const target = new Object3D();
  const eyes = vrm.lookAt!.getLookAtWorldPosition(new Vector3());
  target.position.copy(eyes).add(new Vector3(x, y, 1));
  target.updateMatrixWorld();
  vrm.lookAt!.target = target;
  vrm.update(1 / 60);
  const weights = faceWeights(vrm);
  vrm.lookAt!.target = null;
  vrm.lookAt!.reset();
  vrm.update(1 / 60);
  return weights;
}

/** How far the left hand goes when the normalised upper arm is lowered by 60 degrees. */
function handMoves(vrm: VRM): number[] {
  const hand = vrm.humanoid.getRawBoneNode('leftHand')!;
  vrm.scene.updateMatrixWorld(true);
  const before = hand.getWorldPosition(new Vector3());
  const arm = vrm.humanoid.getNormalizedBoneNode('leftUpperArm')!;
  arm.quaternion.setFromAxisAngle(new Vector3(0, 0, 1), (-60 * Math.PI) / 180);
  vrm.update(1 / 60);
  vrm.scene.updateMatrixWorld(true);
  const after = hand.getWorldPosition(new Vector3());
  arm.quaternion.copy(new Quaternion());
  vrm.update(1 / 60);
  return after.sub(before).toArray();
}

window.checkVrm = async (base64) => {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const loader = new GLTFLoader();
  loader.register((parser) => new VRMLoaderPlugin(parser));
  const gltf = await loader.parseAsync(bytes.buffer, '');
  const vrm: VRM | undefined = gltf.userData.vrm;
  if (!vrm) throw new Error('the file is no VRM');
  const names = Object.keys(vrm.expressionManager!.expressionMap);
  return {
    meta: vrm.meta,
    bones: Object.keys(vrm.humanoid.humanBones),
    presets: Object.keys(vrm.expressionManager!.presetExpressionMap),
    custom: Object.keys(vrm.expressionManager!.customExpressionMap),
    expressions: Object.fromEntries(names.map((name) => [name, shown(vrm, name)])),
    left: lookingAt(vrm, 0.4, 0),
    up: lookingAt(vrm, 0, 0.4),
    ahead: lookingAt(vrm, 0, 0),
    hand: handMoves(vrm),
    firstPerson: vrm.firstPerson!.meshAnnotations.map((a) => a.type),
    facing: vrm.lookAt!.faceFront.toArray(),
  };
};
