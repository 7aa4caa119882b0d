import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AudioQueue, type Change, RATE_HZ, type Segment } from '../audioqueue.ts';

const QUANTUM = 128;

/** A queue on a device of its own; every sample of an epoch has its index as value. */
function device() {
  const segments: Segment[] = [];
  const changes: Change[] = [];
  const heard: number[] = [];
  const queue = new AudioQueue((s) => segments.push(s), (c) => changes.push(c));
  let frame = 0;
  return {
    queue,
    segments,
    changes,
    heard,
    run(ms: number): void {
      for (const until = frame + (ms * RATE_HZ) / 1000; frame < until; frame += QUANTUM) {
        const out = new Float32Array(QUANTUM);
        queue.process(out, frame);
        heard.push(...Array.from(out, (v) => Math.round(v * 32768)));
      }
    },
    push(epoch: number, startMs: number, ms: number, last = false): void {
      const start = (startMs * RATE_HZ) / 1000;
      const pcm = Int16Array.from({ length: (ms * RATE_HZ) / 1000 }, (_, i) => 1 + ((start + i) % 30_000));
      queue.do({ type: 'push', epoch, start, pcm, last });
    },
  };
}

/** Samples that were heard at full value, in order. */
const ramp = (heard: number[], from: number, to: number): boolean => {
  const at = heard.indexOf(from);
  return at >= 0 && Array.from({ length: to - from }, (_, i) => heard[at + i] === from + i).every(Boolean);
};

test('an epoch begins when 100 ms are there and plays every sample once', () => {
  const d = device();
  d.queue.do({ type: 'open', epoch: 7 });
  d.push(7, 0, 90);
  d.run(200);
  assert.equal(d.changes.length, 0);
  d.push(7, 90, 110, true);
  d.run(400);
  assert.deepEqual(d.changes.map((c) => c.state), ['started', 'finished']);
  assert.ok(ramp(d.heard, 1, 4800));
  assert.equal(d.changes[1].head, 4800);
});

test('hold stops at the sample, release goes on from it', () => {
  const d = device();
  d.queue.do({ type: 'open', epoch: 1 });
  d.push(1, 0, 1000, true);
  d.run(300);
  d.queue.do({ type: 'hold', epoch: 1 });
  const held = d.changes.at(-1)!;
  assert.equal(held.state, 'held');
  const before = d.heard.length;
  d.run(500);
  assert.ok(d.heard.slice(before + 64).every((v) => v === 0), 'silence while held');
  d.queue.do({ type: 'release', epoch: 1 });
  assert.equal(d.changes.at(-1)!.head, held.head);
  d.run(1000);
  assert.ok(ramp(d.heard, held.head + 65, 24_000), 'every sample behind the held one is heard');
  assert.equal(d.changes.at(-1)!.state, 'finished');
});

test('segments give the head at every frame', () => {
  const d = device();
  d.queue.do({ type: 'open', epoch: 3 });
  d.push(3, 0, 500, true);
  d.run(100);
  d.queue.do({ type: 'hold', epoch: 3 });
  d.run(100);
  d.queue.do({ type: 'release', epoch: 3 });
  d.run(600);
  for (let frame = 0; frame < d.heard.length; frame += 37) {
    const s = d.segments.findLast((x) => x.frame <= frame);
    if (s?.mode !== 'playing' || d.heard[frame] < 100) continue;
    const head = s.head + frame - s.frame;
    if (head - s.head > 64) assert.equal(d.heard[frame], 1 + (head % 30_000));
  }
});

test('late sound stalls the head, and no word is skipped', () => {
  const d = device();
  d.queue.do({ type: 'open', epoch: 1 });
  d.push(1, 0, 120);
  d.run(300);
  assert.equal(d.queue.stalls, 1);
  assert.equal(d.segments.at(-1)!.mode, 'stalled');
  assert.equal(d.queue.bufferMs, 140);
  d.push(1, 120, 200);
  d.queue.do({ type: 'end', epoch: 1, samples: (320 * RATE_HZ) / 1000 });
  d.run(500);
  assert.equal(d.changes.at(-1)!.state, 'finished');
  assert.equal(d.changes.at(-1)!.head, 7680);
  assert.ok(ramp(d.heard, 2881, 7680));
});

test('cancel ends the epoch, the next one begins, frames of the old one are nothing', () => {
  const d = device();
  d.queue.do({ type: 'open', epoch: 1 });
  d.push(1, 0, 1000);
  d.queue.do({ type: 'open', epoch: 2 });
  d.run(200);
  d.queue.do({ type: 'cancel', epoch: 1 });
  d.push(1, 1000, 100);
  d.push(2, 0, 150, true);
  d.run(400);
  assert.deepEqual(d.changes.map((c) => `${c.epoch} ${c.state}`), ['1 started', '1 cut', '2 started', '2 finished']);
});

test('a hole in the sound is silence at its place', () => {
  const d = device();
  d.queue.do({ type: 'open', epoch: 1 });
  d.push(1, 0, 100);
  d.push(1, 150, 100, true);
  d.run(500);
  assert.equal(d.changes.at(-1)!.head, 6000);
  assert.ok(ramp(d.heard, 3601, 6000));
});
