/** Keeps what is shown and heard, in this browser only: the last half minute or all of it, to be saved by the user.
 *
 * Bounded to 20 minutes; the oldest goes first. Times are milliseconds on the audio device's clock, as heard.
 */

import { RATE_HZ } from './audioqueue.ts';
import { Resampler } from './resampler.ts';
import type { Frame } from './world.ts';

const FPS = 30;
const KEPT_MS = 20 * 60_000;
const TRIM_EVERY = 900; // frames
const MIC_HZ = 16_000;

interface Pose {
  ms: number;
  root: Float32Array;
  rot: Int16Array;
  face: Uint8Array;
}

interface Sound {
  ms: number;
  pcm: Int16Array;
}

export interface Spoken {
  fromMs: number;
  toMs: number;
  who: 'user' | 'character';
  text: string;
}

/** A cut of the recording; frame i is what was shown at i / 30 s. */
export interface Recording {
  frames: number;
  root: Float32Array;
  rot: Int16Array;
  face: Uint8Array;
  /** 24 kHz mono, as heard. */
  voice: Int16Array;
  user: Int16Array;
  captions: Spoken[];
  states: { ms: number; state: string }[];
}

export class Recorder {
  private poses: Pose[] = [];
  private voice: Sound[] = [];
  private user: Sound[] = [];
  private captions: Spoken[] = [];
  private states: { ms: number; state: string }[] = [];
  private nextMs = 0;
  private userMs: number | null = null;

  /** A shown frame; `ms` is what is heard with it. */
  frame({ figure }: Frame, ms: number): void {
    if (ms < this.nextMs) return;
    this.nextMs = Math.max(this.nextMs + 1000 / FPS, ms - 1000 / FPS);
    const rot = Int16Array.from(figure.rot, (v) => Math.round(v * 32767));
    this.poses.push({ ms, root: figure.root.slice(), rot, face: Uint8Array.from(figure.face, (v) => v * 255 + 0.5) });
    if (this.poses.length % TRIM_EVERY === 0) this.trim(ms - KEPT_MS);
  }

  /** What the device played from `ms` on. */
  played(pcm: Float32Array, ms: number): void {
    this.voice.push({ ms, pcm: Int16Array.from(pcm, (v) => Math.round(Math.min(1, Math.max(-1, v)) * 32767)) });
  }

  /** What the microphone gave, 16 kHz, at about `ms`. */
  said(pcm: Int16Array, ms: number): void {
    const follows = this.userMs !== null && Math.abs(ms - this.userMs) < 200;
    const at = follows ? this.userMs! : ms;
    this.user.push({ ms: at, pcm: pcm.slice() });
    this.userMs = at + (pcm.length * 1000) / MIC_HZ;
  }

  caption(spoken: Spoken): void {
    this.captions.push(spoken);
  }

  state(state: string, ms: number): void {
    this.states.push({ ms, state });
  }

  private trim(beforeMs: number): void {
    this.poses = this.poses.filter((p) => p.ms >= beforeMs);
    this.voice = this.voice.filter((p) => p.ms >= beforeMs);
    this.user = this.user.filter((p) => p.ms >= beforeMs);
    this.captions = this.captions.filter((c) => c.toMs >= beforeMs);
    this.states = this.states.filter((s) => s.ms >= beforeMs);
  }

  /** Length of what is kept, milliseconds. */
  get lengthMs(): number {
    return this.poses.length ? this.poses.at(-1)!.ms - this.poses[0].ms : 0;
  }

  /** The last `ms`, or all; null while nothing was shown. */
  cut(ms = Infinity): Recording | null {
    if (!this.poses.length) return null;
    const end = this.poses.at(-1)!.ms;
    const start = Math.max(this.poses[0].ms, end - ms);
    const frames = Math.max(1, Math.floor(((end - start) * FPS) / 1000));
    const out = this.resampled(start, frames);
    const samples = Math.floor(((end - start) * RATE_HZ) / 1000);
    return {
      ...out,
      frames,
      voice: laid(this.voice, start, samples, RATE_HZ),
      user: risen(laid(this.user, start, Math.floor(((end - start) * MIC_HZ) / 1000), MIC_HZ), samples),
      captions: this.captions
        .filter((c) => c.toMs > start)
        .map((c) => ({ ...c, fromMs: Math.max(0, c.fromMs - start), toMs: c.toMs - start })),
      states: this.states.filter((s) => s.ms > start).map((s) => ({ ...s, ms: s.ms - start })),
    };
  }

  private resampled(start: number, frames: number): Pick<Recording, 'root' | 'rot' | 'face'> {
    const { root, rot, face } = this.poses[0];
    const out = {
      root: new Float32Array(frames * root.length),
      rot: new Int16Array(frames * rot.length),
      face: new Uint8Array(frames * face.length),
    };
    let at = 0;
    for (let i = 0; i < frames; i++) {
      const ms = start + (i * 1000) / FPS;
      while (at + 1 < this.poses.length && this.poses[at + 1].ms <= ms) at++;
      out.root.set(this.poses[at].root, i * root.length);
      out.rot.set(this.poses[at].rot, i * rot.length);
      out.face.set(this.poses[at].face, i * face.length);
    }
    return out;
  }
}

/** Lays pieces of sound on one line that begins at `startMs`. */
function laid(pieces: Sound[], startMs: number, samples: number, rate: number): Int16Array {
  const out = new Int16Array(samples);
  for (const { ms, pcm } of pieces) {
    const at = Math.round(((ms - startMs) * rate) / 1000);
    if (at >= samples || at + pcm.length <= 0) continue;
    const from = Math.max(0, -at);
    out.set(pcm.subarray(from, Math.min(pcm.length, samples - at)), at + from);
  }
  return out;
}

function risen(pcm: Int16Array, samples: number): Int16Array {
  const out = new Int16Array(samples);
  const up = new Resampler(MIC_HZ, RATE_HZ).push(Float32Array.from(pcm));
  for (let i = 0; i < Math.min(samples, up.length); i++) out[i] = Math.min(32767, Math.max(-32768, up[i]));
  return out;
}
