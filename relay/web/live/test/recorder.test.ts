import assert from 'node:assert/strict';
import { test } from 'node:test';
import { animated } from '../animated.ts';
import { matchNames } from '../bones.ts';
import { newFigure } from '../figure.ts';
import { Recorder } from '../recorder.ts';
import { wav } from '../save.ts';
import { FACE_COUNT, FACE_NAMES, JOINTS, shape } from '../skeleton.ts';

function filled(): Recorder {
  const recorder = new Recorder();
  for (let i = 0; i < 240; i++) {
    const figure = newFigure();
    figure.root[0] = i / 60; // frame time in seconds
    figure.face[shape('jawOpen')] = 0.5;
    recorder.frame({ nowMs: 0, epoch: 1, source: 1, blending: false, headMs: 0, figure }, (i * 1000) / 60);
  }
  for (let i = 0; i < 4000 / 40; i++) recorder.played(new Float32Array(960).fill(0.25), i * 40);
  for (let i = 0; i < 100; i++) recorder.said(new Int16Array(320).fill(1000), 1000 + i * 20 + (i % 3));
  recorder.caption({ fromMs: 3000, toMs: 3500, who: 'character', text: 'hello' });
  return recorder;
}

test('a cut holds body, voices and captions on one line', () => {
  const cut = filled().cut(2000)!;
  assert.ok(Math.abs(cut.frames - 60) <= 1, String(cut.frames));
  assert.ok(Math.abs(cut.root[3 * 30] - cut.root[0] - 1) < 0.05, 'a second of frames is a second of movement');
  assert.ok(Math.abs(cut.voice.length - 48_000) < 900);
  assert.ok(cut.voice.every((v) => Math.abs(v - 8192) < 2), 'no holes in the voice');
  assert.equal(cut.user.length, cut.voice.length);
  assert.ok(Math.abs(cut.user[10_000] - 1000) < 20);
  assert.equal(cut.captions[0].text, 'hello');
  assert.ok(Math.abs(cut.captions[0].fromMs - 1017) < 40, String(cut.captions[0].fromMs));
});

test('the sound is a stereo WAV with the user on the left', () => {
  const view = new DataView(wav({ user: Int16Array.from([1, 2]), voice: Int16Array.from([3, 4]) }));
  assert.equal(view.byteLength, 52);
  assert.deepEqual([44, 46, 48, 50].map((at) => view.getInt16(at, true)), [1, 3, 2, 4]);
});

/** The smallest GLB with the wire's joints and a face. */
function smallGlb(): ArrayBuffer {
  const nodes: object[] = JOINTS.map((name) => ({ name }));
  nodes.push({ name: 'face', mesh: 0 });
  const gltf = {
    nodes,
    meshes: [{ primitives: [{ targets: FACE_NAMES.map(() => ({})) }] }],
    buffers: [{ byteLength: 4 }],
    bufferViews: [],
    accessors: [],
  };
  const text = new TextEncoder().encode(JSON.stringify(gltf).padEnd(Math.ceil(JSON.stringify(gltf).length / 4) * 4));
  const out = new ArrayBuffer(12 + 8 + text.length + 8 + 4);
  const view = new DataView(out);
  [0x46546c67, 2, out.byteLength, text.length, 0x4e4f534a].forEach((v, i) => view.setUint32(4 * i, v, true));
  new Uint8Array(out).set(text, 20);
  view.setUint32(20 + text.length, 4, true);
  view.setUint32(24 + text.length, 0x004e4942, true);
  return out;
}

test('the animated GLB moves every joint and every face shape', () => {
  const cut = filled().cut()!;
  const glb = animated(smallGlb(), cut);
  const view = new DataView(glb);
  assert.equal(view.getUint32(8, true), glb.byteLength);
  const gltf = JSON.parse(new TextDecoder().decode(new Uint8Array(glb, 20, view.getUint32(12, true))));
  const [animation] = gltf.animations;
  const paths = animation.channels.map((c: { target: { path: string } }) => c.target.path);
  assert.equal(paths.filter((p: string) => p === 'rotation').length, JOINTS.length);
  assert.deepEqual(paths.filter((p: string) => p !== 'rotation'), ['translation', 'weights']);
  const at = (i: number) => gltf.bufferViews[gltf.accessors[i].bufferView];
  const bin = 20 + view.getUint32(12, true) + 8;
  const weights = gltf.accessors[animation.samplers.at(-1).output];
  assert.equal(weights.count, cut.frames * FACE_COUNT);
  const jaw = view.getFloat32(bin + at(animation.samplers.at(-1).output).byteOffset + 4 * shape('jawOpen'), true);
  assert.ok(Math.abs(jaw - 0.5) < 0.01);
  const last = gltf.bufferViews.at(-1);
  assert.ok(last.byteOffset + last.byteLength <= gltf.buffers[0].byteLength);
});

test('bones are found by the names that people use', () => {
  const mixamo = matchNames(['mixamorig:Hips', 'mixamorig:Spine', 'mixamorig:LeftArm', 'mixamorig:LeftShoulder', 'mixamorig:LeftHandIndex2']);
  assert.equal(mixamo.get('pelvis'), 'mixamorig:Hips');
  assert.equal(mixamo.get('left_shoulder'), 'mixamorig:LeftArm');
  assert.equal(mixamo.get('left_collar'), 'mixamorig:LeftShoulder');
  assert.equal(mixamo.get('left_index2'), 'mixamorig:LeftHandIndex2');
  const ours = matchNames([...JOINTS]);
  assert.ok(JOINTS.every((name) => ours.get(name) === name));
});
