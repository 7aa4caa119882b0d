import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Playout } from '../playout.ts';

test('one phrase at a time: it stays through a pause and gives way to the next', () => {
  let sample = 0;
  const heard = () => ({ epoch: 7, sample, mode: 'playing' as const, sinceMs: 0 });
  const playout = new Playout({ do: () => {}, heard }, () => {}, () => {});
  playout.onMessage({ type: 'epoch.start', epoch: 7, kind: 'reply', brain: 'retrieval', seq: 1 });
  for (const [text, at_ms, d_ms] of [['Hello there!', 100, 900], ['I am Copper,', 1000, 700], ['and I wait.', 3000, 500]] as const) {
    playout.onMessage({ type: 'caption', epoch: 7, text, at_ms, d_ms, seq: 2 });
  }
  const at = (ms: number): string | undefined => {
    sample = ms * 24;
    playout.advance(ms);
    return playout.caption()?.text;
  };
  assert.deepEqual(
    [50, 500, 1050, 1900, 2600, 3200, 5000].map(at),
    [undefined, 'Hello there!', 'I am Copper,', 'I am Copper,', undefined, 'and I wait.', undefined],
  );
});
