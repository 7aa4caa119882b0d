import assert from 'node:assert/strict';
import { test } from 'node:test';
import media from '../../../../unity_protocol/vectors/media.json' with { type: 'json' };
import {
  audioFrame, audioSamples, decodeMedia, encodeMedia, faceFrame, faceWeights, KIND, poseFrame, ProtocolError, readPoses,
} from '../wire.ts';

interface Vector {
  name: string;
  hex: string;
  header: Record<string, number>;
  samples?: number[];
  weights?: number[][];
  root_m?: number[][];
  rotations?: number[][][];
  validity?: number[][];
}

const bytes = (hex: string): ArrayBuffer => Uint8Array.from(hex.match(/../g) ?? [], (h) => parseInt(h, 16)).buffer;
const hexOf = (data: ArrayBuffer): string => Buffer.from(data).toString('hex');

for (const vector of media as Vector[]) {
  test(`vector ${vector.name} decodes and is written again byte for byte`, () => {
    const up = vector.validity !== undefined;
    const frame = decodeMedia(bytes(vector.hex), up);
    const { kind, codec, flags, seq, epoch, count, ptsUs } = frame;
    assert.deepEqual({ kind, codec, flags, seq, epoch, count, pts_us: ptsUs }, vector.header);
    assert.equal(hexOf(encodeMedia(frame)), vector.hex);
    if (vector.samples) {
      assert.deepEqual([...audioSamples(frame)], vector.samples);
      assert.deepEqual(audioFrame(Int16Array.from(vector.samples), 0).payload, frame.payload);
    }
    if (vector.weights) {
      assert.deepEqual([...faceWeights(frame)], vector.weights.flat().map(Math.fround));
      assert.deepEqual(faceFrame(faceWeights(frame), 0).payload, frame.payload);
    }
    if (kind === KIND.pose) checkPoses(vector, readPoses(frame, up), frame.payload, codec);
  });
}

function checkPoses(vector: Vector, poses: ReturnType<typeof readPoses>, payload: Uint8Array, codec: number): void {
  const close = (got: Float32Array, want: number[], within: number): void => {
    assert.equal(got.length, want.length);
    want.forEach((w, i) => assert.ok(Math.abs(got[i] - w) <= within, `value ${i}: ${got[i]}, expected ${w}`));
  };
  if (vector.root_m) close(poses.root, vector.root_m.flat(), 1e-6);
  // the vectors hold the rotations before they were packed: one half step of 15 or 10 bits
  if (vector.rotations) {
    vector.rotations.flat(1).forEach((q, i) => {
      const got = poses.rot.subarray(4 * i, 4 * i + 4);
      const sign = got.reduce((sum, v, k) => sum + v * q[k], 0) < 0 ? -1 : 1; // q and -q are one rotation
      close(got, q.map((v) => v * sign), [1e-6, 5e-5, 1.5e-3][codec]);
    });
  }
  if (vector.validity) assert.deepEqual([...poses.validity!], vector.validity.flat());
  assert.equal(Buffer.from(poseFrame(poses, codec, 0).payload).toString('hex'), Buffer.from(payload).toString('hex'));
}

test('the vectors hold every kind and codec', () => {
  const seen = new Set((media as Vector[]).map((v) => `${v.header.kind}/${v.header.codec}`));
  for (const wanted of ['1/0', '2/0', '2/1', '2/2', '3/0']) assert.ok(seen.has(wanted), wanted);
});

test('a broken frame names its field', () => {
  const good = new Uint8Array(bytes((media as Vector[]).find((v) => v.name === 'audio_pcm16')!.hex));
  const broken = (at: number, value: number): ArrayBuffer => {
    const copy = good.slice();
    copy[at] = value;
    return copy.buffer;
  };
  const fields: [ArrayBuffer, string][] = [
    [good.slice(0, 10).buffer, 'header'],
    [broken(0, 2), 'version'],
    [broken(1, 9), 'kind'],
    [broken(2, 7), 'codec'],
    [broken(3, 8), 'flags'],
    [broken(13, 255), 'count'],
    [broken(12, 3), 'payload'],
    [broken(14, 1), 'reserved'],
  ];
  for (const [data, field] of fields) {
    assert.throws(() => decodeMedia(data), (e) => e instanceof ProtocolError && e.field === field, field);
  }
});
