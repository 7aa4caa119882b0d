import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyFigure, newFigure, shift, slerpAll } from '../figure.ts';
import { HeardClock } from '../heardclock.ts';
import { decay, decayed, Inertia } from '../inertia.ts';
import { Resampler } from '../resampler.ts';
import { joint, shape } from '../skeleton.ts';
import { suggestions, three } from '../suggest.ts';
import { Track } from '../track.ts';

const turned = (angle: number): Float32Array => Float32Array.from([0, Math.sin(angle / 2), 0, Math.cos(angle / 2)]);
const angleOf = (q: ArrayLike<number>, i = 0): number => 2 * Math.atan2(q[i + 1], q[i + 3]);

test('slerp takes the shorter way, also for the negated quaternion', () => {
  const out = new Float32Array(4);
  slerpAll(turned(0.2), turned(1.2).map((v) => -v), 0.5, out);
  assert.ok(Math.abs(angleOf(out) - 0.7) < 1e-6);
});

test('a seam shows no jump in place or speed, and is over after 250 ms', () => {
  const inertia = new Inertia();
  const dt = 1 / 60;
  const head = 4 * joint('head');
  const shown: number[] = [];
  const show = (angle: number): void => {
    const figure = newFigure();
    figure.rot.set(turned(angle), head);
    inertia.apply(figure, dt);
    shown.push(angleOf(figure.rot, head));
  };
  for (let i = 0; i < 30; i++) show(0.8 - 0.01 * i); // moves towards the other source
  const target = newFigure();
  inertia.start(target, true);
  for (let i = 0; i < 30; i++) show(0);
  const steps = shown.slice(1).map((v, i) => v - shown[i]);
  assert.ok(Math.abs(steps[29]) < 0.02, `first step ${steps[29]}`);
  for (const step of steps) assert.ok(Math.abs(step) < 0.09);
  for (let i = 1; i < steps.length; i++) assert.ok(Math.abs(steps[i] - steps[i - 1]) < 0.03, `jump of speed at ${i}`);
  assert.ok(Math.abs(shown.at(-1)!) < 1e-6);
});

test('a place that turns is carried over: nothing moves in the room', () => {
  const inertia = new Inertia();
  const still = newFigure();
  still.root.set([0.1, 0.9, 0.2]);
  for (let i = 0; i < 3; i++) inertia.apply(Object.assign(newFigure(), { root: still.root.slice() }), 1 / 60);
  const by = { turnRad: -1.2, way: [0.3, 0, -0.4] };
  inertia.move(by);
  const target = newFigure(); // what comes is told in the new place, and stands where the old one stood
  target.root.set(still.root);
  shift(target, by);
  inertia.start(target, true);
  const figure = newFigure();
  copyFigure(target, figure);
  inertia.apply(figure, 1 / 60);
  for (let i = 0; i < 3; i++) assert.ok(Math.abs(figure.root[i] - target.root[i]) < 1e-5);
  assert.ok(Math.abs(angleOf(figure.rot) + 1.2) < 1e-5, `${angleOf(figure.rot)}`);
});

test('the decay begins with the value and the speed, and ends at rest', () => {
  const d = decay(1, -3);
  assert.ok(Math.abs(decayed(d, 0) - 1) < 1e-9);
  assert.ok(Math.abs((decayed(d, 1e-5) - 1) / 1e-5 + 3) < 0.01);
  assert.equal(decayed(d, 0.3), 0);
  for (let t = 0; t < 0.25; t += 0.01) assert.ok(decayed(d, t) > -0.02 && decayed(d, t) <= 1);
});

test('lips are not faded into speech, brows are', () => {
  const inertia = new Inertia();
  const still = newFigure();
  still.face[shape('browInnerUp')] = 0.8;
  still.face[shape('jawOpen')] = 0.5;
  inertia.apply(still, 1 / 60);
  const speech = newFigure();
  inertia.start(speech, true);
  const figure = newFigure();
  copyFigure(speech, figure);
  inertia.apply(figure, 1 / 60);
  assert.equal(figure.face[shape('jawOpen')], 0);
  assert.ok(figure.face[shape('browInnerUp')] > 0.7);
});

test('a track samples between frames, fills holes and counts what is late', () => {
  const track = new Track();
  const row = (v: number): Float32Array => Float32Array.from([v]);
  track.put(0, [row(0), row(1)], 0);
  track.put(100_000, [row(3)], 0); // frame 2 is missing
  const found = track.around(50)!;
  assert.deepEqual([found.before[0], found.after[0], Number(found.share.toFixed(3))], [1, 1, 0.5]);
  track.put(0, [row(9)], 500);
  assert.equal(track.late, 1);
  assert.equal(track.rows[0][0], 0);
});

test('the resampler keeps tone and length', () => {
  for (const rate of [44_100, 48_000, 24_000, 16_000]) {
    const resampler = new Resampler(rate, 16_000);
    const out: number[] = [];
    for (let at = 0; at < rate; at += 128) {
      out.push(...resampler.push(Float32Array.from({ length: 128 }, (_, i) => Math.sin((2 * Math.PI * 440 * (at + i)) / rate))));
    }
    assert.ok(Math.abs(out.length - 16_000) < 60, `${rate}: ${out.length}`);
    const middle = out.slice(4000, 12_000);
    const rms = Math.sqrt(middle.reduce((s, v) => s + v * v, 0) / middle.length);
    assert.ok(Math.abs(rms - Math.SQRT1_2) < 0.01, `${rate}: ${rms}`);
    const crossings = middle.filter((v, i) => i > 0 && v >= 0 && middle[i - 1] < 0).length;
    assert.ok(Math.abs(crossings - 220) <= 1, `${rate}: ${crossings}`);
  }
});

test('above 8 kHz nothing folds down', () => {
  const resampler = new Resampler(48_000, 16_000);
  const out = resampler.push(Float32Array.from({ length: 48_000 }, (_, i) => Math.sin((2 * Math.PI * 11_000 * i) / 48_000)));
  const rms = Math.sqrt(out.slice(100).reduce((s, v) => s + v * v, 0) / out.length);
  assert.ok(rms < 0.01, String(rms));
});

test('the heard clock is smooth over a device that reports in steps', () => {
  const device = { currentTime: 0, outputLatency: 0.04 };
  const clock = new HeardClock(device);
  let last = -1;
  let worst = 0;
  for (let ms = 0; ms < 5000; ms += 7) {
    device.currentTime = Math.floor(ms / 20) * 0.02 + 0.02; // 20 ms steps
    const now = clock.heardS(ms);
    assert.ok(now >= last);
    last = now;
    if (ms > 1000) worst = Math.max(worst, Math.abs(now - (ms / 1000 - 0.04 + 0.01)));
  }
  assert.ok(worst < 0.006, String(worst));
});

test('suggestions are things to ask, three at a time, not those that were used', () => {
  const expects = ['hello', 'who are you', 'yes please', 'tell me a story', 'are you a robot', 'what do you do'];
  const examples = [{ user: ['is it cold', 'do you freeze'], topic: 'the cold' }, { user: 'you are stupid' }];
  const all = suggestions({ id: 'c', name: 'C', expects, examples });
  assert.deepEqual(all, ['Who are you?', 'Tell me a story', 'Are you a robot?', 'What do you do?', 'Is it cold?']);
  assert.deepEqual(suggestions({ id: 'c', name: 'C', examples: [{ user: 'is it cold' }] }), ['Is it cold?']);
  const offered = three(all, new Set(['Who are you?']), 0);
  assert.equal(new Set(offered).size, 3);
  assert.ok(!offered.includes('Who are you?'));
});
