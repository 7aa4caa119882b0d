import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Quaternion, Vector3 } from 'three';
import { newFigure } from '../figure.ts';
import { Gaze } from '../gaze.ts';
import { type Clip, FADE_MS, IdleLayer } from '../pack.ts';
import { FACE_COUNT, joint, JOINT_COUNT, PARENTS, REST_OFFSETS, shape } from '../skeleton.ts';
import { Track } from '../track.ts';

const HEAD = joint('head');
const EYE = joint('left_eye');

/** Where a joint looks (its own +z) in the character's space, and where it is. */
function ray(figure: ReturnType<typeof newFigure>, j: number): { at: Vector3; ahead: Vector3 } {
  const chain: number[] = [];
  for (let k = j; k >= 0; k = PARENTS[k]) chain.unshift(k);
  const turn = new Quaternion();
  const at = new Vector3().fromArray(figure.root);
  for (const k of chain) {
    if (k) at.add(new Vector3().fromArray([...REST_OFFSETS[k]]).applyQuaternion(turn));
    turn.multiply(new Quaternion().fromArray(figure.rot, 4 * k));
  }
  return { at, ahead: new Vector3(0, 0, 1).applyQuaternion(turn) };
}

/** A figure at rest, after it looked at `target` for five seconds. */
function looking(target: number[]): ReturnType<typeof newFigure> {
  const gaze = new Gaze();
  const figure = newFigure();
  for (let i = 0; i < 150; i++) {
    figure.root.set([0.05, 0.95, 0]);
    for (let j = 0; j < JOINT_COUNT; j++) figure.rot.set([0, 0, 0, 1], 4 * j);
    gaze.apply(figure, target, 1 / 30);
  }
  return figure;
}

for (const target of [[0, 1.6, 1.5], [1, 1.5, 1.5], [-0.8, 1.2, 1], [0.4, 2, 1.2]]) {
  test(`the eyes meet a head at ${target}`, () => {
    const { at, ahead } = ray(looking(target), EYE);
    const wanted = new Vector3().fromArray(target).sub(at);
    const off = (ahead.angleTo(wanted) * 180) / Math.PI;
    assert.ok(off < 3, `${off.toFixed(1)} degrees off`);
  });
}

test('the head turns as far as a neck does, and not to who stands behind', () => {
  const aside = ray(looking([2, 1.6, -0.4]), HEAD).ahead;
  const yaw = Math.atan2(aside.x, aside.z);
  assert.ok(yaw > 0.5 && yaw < 1.05, `${yaw}`);
  const behind = ray(looking([0.2, 1.6, -2]), HEAD).ahead;
  assert.ok(Math.abs(Math.atan2(behind.x, behind.z)) < 0.15);
});

/** A clip of 2 s whose body and face stand at `value` and rise by 0.1 a second. */
function clip(state: string, name: string, value: number, loop = true): Clip {
  const tracks = { root: new Track(), rot: new Track(), face: new Track() };
  for (let i = 0; i < 60; i++) {
    const now = value + i / 300;
    tracks.root.rows.push(Float32Array.from([now, 0, 0]));
    tracks.rot.rows.push(newFigure().rot);
    tracks.face.rows.push(new Float32Array(FACE_COUNT).fill(now));
  }
  return { state, name, loop, ...tracks, pcm: [], lengthMs: 2000 };
}

test('states change over 250 ms without a jump, and no loop comes twice in a row', () => {
  const layer = new IdleLayer([clip('idle', 'a', 0), clip('idle', 'b', 0.3), clip('listen', 'c', 1)], () => 0.4);
  const out = newFigure();
  const names: string[] = [];
  let before = 0;
  for (let ms = 0; ms < 12_000; ms += 10) {
    if (ms === 5000) layer.setState('listening', ms);
    if (ms === 5000 + FADE_MS + 10) assert.ok(out.root[0] > 1, 'the listening pose is there');
    if (ms === 7000) layer.setState('speaking', ms);
    layer.at(ms, out);
    if (ms) assert.ok(Math.abs(out.root[0] - before) < 0.08, `jump at ${ms}: ${before} to ${out.root[0]}`);
    before = out.root[0];
    if (names.at(-1) !== layer.playing) names.push(layer.playing);
  }
  const idle = names.slice(0, 3);
  assert.deepEqual(idle, ['idle/a', 'idle/b', 'idle/a']);
  assert.ok(names.includes('listen/c') && names.at(-1)!.startsWith('idle/'));
});

test('with reduced motion the body rests, also from loop to loop, and the face lives', () => {
  const layer = new IdleLayer([clip('idle', 'a', 0), clip('idle', 'b', 0.5)]);
  const out = newFigure();
  const faces: number[] = [];
  for (let ms = 0; ms < 6000; ms += 20) {
    layer.at(ms, out, true);
    assert.equal(out.root[0], 0);
    faces.push(out.face[shape('jawOpen')]);
  }
  assert.ok(Math.max(...faces) > 0.5, 'of either loop');
});
