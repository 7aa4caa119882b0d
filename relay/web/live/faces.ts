/** ARKit weights on whatever a model has for a face: ARKit shapes of any spelling, else the VRM presets. */

import { Mesh, type Object3D } from 'three';
import { type VRM, type VRMExpression, type VRMExpressionManager, VRMExpressionMorphTargetBind } from '@pixiv/three-vrm';
import { FACE_COUNT, FACE_NAMES, shape } from './skeleton.ts';

/** So many ARKit names make a model's face an ARKit face. */
const ENOUGH = 12;

export interface FaceRig {
  readonly kind: 'arkit' | 'presets' | 'none';
  show(face: Float32Array): void;
  /** Weights by wire order, read back from the morphs of the scene; what they cannot tell is 0. */
  read(): number[];
}

/** Finds the best way to move this model's face. */
export function faceOf(scene: Object3D, vrm: VRM | null): FaceRig {
  const manager = vrm?.expressionManager;
  if (manager) {
    const names = matching(Object.keys(manager.expressionMap));
    if (names.size >= ENOUGH) return new ArkitExpressions(manager, names);
  }
  const morphs = new MorphFace(scene);
  if (morphs.count >= ENOUGH) return morphs;
  const lips = LIPS.some((name) => manager?.getExpression(name)?.binds.length);
  if (manager && lips) return new PresetFace(manager);
  return morphs.count ? morphs : { kind: 'none', show: () => {}, read: () => new Array(FACE_COUNT).fill(0) };
}

const plainName = (name: string): string => name.toLowerCase().replace(/[^a-z]/g, '');
const WIRE = new Map(FACE_NAMES.map((name, i) => [plainName(name), i]));
for (const [name, i] of [...WIRE]) {
  // browDown_L is how some tools write browDownLeft
  if (name.endsWith('left')) WIRE.set(`${name.slice(0, -4)}l`, i);
  if (name.endsWith('right')) WIRE.set(`${name.slice(0, -5)}r`, i);
}

/** Wire index -> the model's own name of the same shape. */
export function matching(names: readonly string[]): Map<number, string> {
  const found = new Map<number, string>();
  for (const name of names) {
    const i = WIRE.get(plainName(name));
    if (i !== undefined && !found.has(i)) found.set(i, name);
  }
  return found;
}

class ArkitExpressions implements FaceRig {
  readonly kind = 'arkit';
  private readonly manager: VRMExpressionManager;
  private readonly names: Map<number, string>;

  constructor(manager: VRMExpressionManager, names: Map<number, string>) {
    this.manager = manager;
    this.names = names;
  }

  show(face: Float32Array): void {
    for (const [i, name] of this.names) this.manager.setValue(name, face[i]);
  }

  read(): number[] {
    return FACE_NAMES.map((_, i) => (this.names.has(i) ? seen(this.manager.getExpression(this.names.get(i)!)) : 0));
  }
}

/** How far an expression is seen on the model: the weight of its first morph, overrides of other expressions included. */
function seen(expression: VRMExpression | null): number {
  const bind = expression?.binds.find((b) => b instanceof VRMExpressionMorphTargetBind);
  if (!bind) return 0;
  return (bind.primitives[0].morphTargetInfluences?.[bind.index] ?? 0) / (bind.weight || 1);
}

class MorphFace implements FaceRig {
  readonly kind = 'arkit';
  readonly count: number;
  private readonly parts: { influences: number[]; pairs: [number, number][] }[] = [];

  constructor(scene: Object3D) {
    const seen = new Set<number>();
    scene.traverse((node) => {
      if (!(node instanceof Mesh) || !node.morphTargetDictionary || !node.morphTargetInfluences) return;
      const names = matching(Object.keys(node.morphTargetDictionary));
      const pairs = [...names].map(([i, name]): [number, number] => [i, node.morphTargetDictionary![name]]);
      if (pairs.length) this.parts.push({ influences: node.morphTargetInfluences, pairs });
      for (const [i] of pairs) seen.add(i);
    });
    this.count = seen.size;
  }

  show(face: Float32Array): void {
    for (const { influences, pairs } of this.parts) for (const [wire, own] of pairs) influences[own] = face[wire];
  }

  read(): number[] {
    const out = new Array<number>(FACE_COUNT).fill(0);
    for (const { influences, pairs } of this.parts) for (const [wire, own] of pairs) out[wire] = influences[own];
    return out;
  }
}

const at = (name: string): number => shape(name);
const JAW = at('jawOpen');
const AA = 1.6; // a jaw that talks opens half; the preset's full weight is a shout
const CLOSE = at('mouthClose');

/** ARKit weights as VRM presets (aa ih ou ee oh, blinks, happy). */
export function presets(face: ArrayLike<number>): Record<string, number> {
  const mean = (name: string): number => (face[at(`${name}Left`)] + face[at(`${name}Right`)]) / 2;
  const jaw = face[JAW];
  const open = jaw * (1 - face[CLOSE]);
  const wide = Math.max(mean('mouthStretch'), mean('mouthSmile'));
  const clip = (v: number): number => Math.min(1, Math.max(0, v));
  return {
    aa: clip(open * AA),
    ou: clip(face[at('mouthPucker')]),
    oh: clip(face[at('mouthFunnel')]),
    ee: clip(mean('mouthStretch') * Math.min(1, open * 4)),
    ih: clip(wide * (1 - Math.min(1, jaw * 2)) * Math.min(1, open * 6)),
    blinkLeft: clip(face[at('eyeBlinkLeft')]),
    blinkRight: clip(face[at('eyeBlinkRight')]),
    blink: clip(mean('eyeBlink')),
    happy: clip(mean('mouthSmile') - 0.1),
    angry: clip(mean('browDown') - 0.25),
    sad: clip(mean('mouthFrown')),
    surprised: clip(Math.min(face[at('browInnerUp')], mean('eyeWide') * 2)),
  };
}

const LIPS = ['aa', 'ih', 'ou', 'ee', 'oh'];
const FEELINGS = ['happy', 'angry', 'sad', 'surprised'];

class PresetFace implements FaceRig {
  readonly kind = 'presets';
  private readonly manager: VRMExpressionManager;

  constructor(manager: VRMExpressionManager) {
    this.manager = manager;
  }

  show(face: Float32Array): void {
    const all = presets(face);
    const { manager } = this;
    const lips = Math.min(1, 3 * Math.max(...LIPS.map((name) => all[name])));
    for (const [name, weight] of Object.entries(all)) {
      const expression = manager.getExpression(name);
      if (!expression) continue;
      // a feeling that blocks or blends away the mouth (the model says so) gives way while lips move
      const gives = FEELINGS.includes(name) && expression.overrideMouth !== 'none';
      manager.setValue(name, gives ? weight * (1 - lips) : weight);
    }
    // both eyes by `blink` only where the model has no single ones
    if (manager.getExpression('blinkLeft') && manager.getExpression('blinkRight')) manager.setValue('blink', 0);
  }

  read(): number[] {
    const out = new Array<number>(FACE_COUNT).fill(0);
    out[JAW] = seen(this.manager.getExpression('aa')) / AA;
    return out;
  }
}
