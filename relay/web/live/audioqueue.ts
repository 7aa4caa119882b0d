/** Sound of the epochs, played sample by sample: start buffer, stall, hold, release, cancel (DESIGN 3.5, 3.7).
 *
 * Pure, so that it runs in the AudioWorklet and in tests. One quantum of the device is one step; what arrives between
 * two quanta counts at the later one.
 */

import type { PlaybackState } from './control.ts';

export const RATE_HZ = 24_000;
const BUFFER_MS = 100;
const BUFFER_MIN_MS = 60;
const BUFFER_MAX_MS = 300;
const BUFFER_STEP_MS = 40;
const CODEC_MS = 7; // by so much the first 100 ms are shorter where they came as Opus
const CALM_FRAMES = 10 * RATE_HZ; // without a stall for this long the buffer shrinks a step
const TAIL = 64; // samples over which a sound that stops runs out, and one that goes on comes in: no click

export type Mode = 'waiting' | 'playing' | 'held' | 'stalled';

export type Command =
  | { type: 'open'; epoch: number }
  | { type: 'push'; epoch: number; start: number; pcm: Int16Array; last: boolean }
  | { type: 'end'; epoch: number; samples: number }
  | { type: 'hold' | 'release' | 'cancel'; epoch: number }
  | { type: 'reset' };

/** From device frame `frame` on: `epoch` plays from sample `head` (mode playing), or stands there (all others). */
export interface Segment {
  frame: number;
  epoch: number;
  head: number;
  mode: Mode;
}

/** A playback report: the play head when the state changed. */
export interface Change {
  epoch: number;
  state: PlaybackState;
  head: number;
}

interface Epoch {
  epoch: number;
  pcm: Int16Array;
  length: number;
  head: number;
  expected: number | null;
  complete: boolean;
}

export class AudioQueue {
  stalls = 0;
  private order: Epoch[] = [];
  private mode: Mode = 'waiting';
  private targetMs = BUFFER_MS;
  private lastStall = 0;
  private frame = 0;
  private last = 0; // the last sample that was heard
  private tail = 0;
  private fadeIn = TAIL;
  private readonly onSegment: (segment: Segment) => void;
  private readonly onChange: (change: Change) => void;

  constructor(onSegment: (segment: Segment) => void, onChange: (change: Change) => void) {
    this.onSegment = onSegment;
    this.onChange = onChange;
  }

  /** The start buffer now, milliseconds. */
  get bufferMs(): number {
    return this.targetMs;
  }

  do(command: Command): void {
    switch (command.type) {
      case 'open':
        this.order.push({
          epoch: command.epoch,
          pcm: new Int16Array(4 * RATE_HZ),
          length: 0,
          head: 0,
          expected: null,
          complete: false,
        });
        return;
      case 'push':
        return this.push(command.epoch, command.start, command.pcm, command.last);
      case 'end':
        return this.end(command.epoch, command.samples);
      case 'hold':
        if (this.isCurrent(command.epoch) && this.mode !== 'held') this.hold();
        return;
      case 'release':
        if (this.isCurrent(command.epoch) && this.mode === 'held') this.release();
        return;
      case 'cancel':
        return this.cancel(command.epoch);
      case 'reset':
        while (this.order.length) this.leave('cut');
    }
  }

  private isCurrent(epoch: number): boolean {
    return this.order[0]?.epoch === epoch;
  }

  private find(epoch: number): Epoch | undefined {
    return this.order.find((e) => e.epoch === epoch);
  }

  private push(epoch: number, start: number, pcm: Int16Array, last: boolean): void {
    const into = this.find(epoch);
    if (!into) return;
    const end = start + pcm.length;
    if (end > into.pcm.length) {
      const wider = new Int16Array(Math.max(end, 2 * into.pcm.length));
      wider.set(into.pcm.subarray(0, into.length));
      into.pcm = wider;
    }
    // a hole in the sound stays audible as silence at its place; what came twice is left out
    const skip = Math.max(0, into.length - start);
    if (skip < pcm.length) into.pcm.set(pcm.subarray(skip), start + skip);
    into.length = Math.max(into.length, end);
    into.complete ||= last || (into.expected !== null && into.length >= into.expected - 1);
  }

  private end(epoch: number, samples: number): void {
    const into = this.find(epoch);
    if (!into) return;
    into.expected = samples;
    into.complete ||= into.length >= samples - 1;
  }

  private hold(): void {
    const current = this.order[0];
    this.stop('held');
    this.onChange({ epoch: current.epoch, state: 'held', head: current.head });
  }

  private release(): void {
    const current = this.order[0];
    this.mode = current.head > 0 ? 'playing' : 'waiting';
    this.fadeIn = 0;
    this.say(current);
    this.onChange({ epoch: current.epoch, state: 'playing', head: current.head });
  }

  private cancel(epoch: number): void {
    const gone = this.find(epoch);
    if (!gone) return;
    if (this.isCurrent(epoch)) this.leave('cut');
    else {
      this.order = this.order.filter((e) => e !== gone);
      this.onChange({ epoch, state: 'cut', head: gone.head });
    }
  }

  private leave(state: PlaybackState): void {
    const gone = this.order.shift()!;
    this.tail = TAIL;
    this.mode = 'waiting';
    this.onSegment({ frame: this.frame, epoch: 0, head: 0, mode: 'waiting' });
    this.onChange({ epoch: gone.epoch, state, head: gone.head });
    if (this.frame - this.lastStall > CALM_FRAMES) {
      this.targetMs = Math.max(BUFFER_MIN_MS, this.targetMs - BUFFER_STEP_MS);
      this.lastStall = this.frame;
    }
  }

  private stop(mode: Mode): void {
    this.mode = mode;
    this.tail = TAIL;
    this.say(this.order[0]);
  }

  private say(epoch: Epoch): void {
    this.onSegment({ frame: this.frame, epoch: epoch.epoch, head: epoch.head, mode: this.mode });
  }

  /** Fills `out` with what is heard from device frame `frame` on. */
  process(out: Float32Array, frame: number): void {
    this.frame = frame;
    const played = this.play(out);
    this.frame = frame + played;
    for (let i = played; i < out.length; i++) {
      if (this.tail > 0) this.tail--;
      out[i] = (this.last * this.tail) / TAIL;
    }
    if (this.tail === 0 && played < out.length) this.last = 0;
    const current = this.order[0];
    if (current && this.mode === 'playing') {
      if (current.complete && current.head >= current.length) this.leave('finished');
      else if (played < out.length) this.stall();
    }
    // what is told to us before the next quantum counts from its first sample on
    this.frame = frame + out.length;
  }

  private play(out: Float32Array): number {
    const current = this.order[0];
    if (!current || this.mode === 'held') return 0;
    if (this.mode !== 'playing' && !this.start(current)) return 0;
    const count = Math.min(out.length, current.length - current.head);
    for (let i = 0; i < count; i++) {
      const rise = this.fadeIn < TAIL ? this.fadeIn++ / TAIL : 1;
      out[i] = (current.pcm[current.head + i] / 32768) * rise;
    }
    current.head += count;
    if (count > 0) this.last = out[count - 1];
    return count;
  }

  private start(current: Epoch): boolean {
    const buffered = current.length - current.head;
    const enough = (buffered * 1000) / RATE_HZ >= this.targetMs - CODEC_MS || (current.complete && buffered > 0);
    if (!enough) {
      if (current.complete && buffered === 0) this.leave('finished');
      return false;
    }
    const first = this.mode === 'waiting';
    this.mode = 'playing';
    this.say(current);
    if (first) this.onChange({ epoch: current.epoch, state: 'started', head: current.head });
    return true;
  }

  private stall(): void {
    this.stalls++;
    this.lastStall = this.frame;
    this.targetMs = Math.min(BUFFER_MAX_MS, this.targetMs + BUFFER_STEP_MS);
    this.stop('stalled');
  }
}
