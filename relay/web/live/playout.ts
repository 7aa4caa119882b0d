/** The playout (DESIGN 3.5, 3.7, 3.9): the voice is the clock, body and face are sampled at what is heard of it.
 *
 * Mirrors `solami/headset/playout.py`; the sound itself (start buffer, stall, hold) is `AudioQueue`, at the device.
 */

import { type Change, type Command, RATE_HZ, type Segment } from './audioqueue.ts';
import type { Down, Place, PlaybackState } from './control.ts';
import { copyFigure, type Figure, mix, newFigure, type Shift, slerpAll } from './figure.ts';
import { Inertia } from './inertia.ts';
import { OpusVoice } from './opus.ts';
import { FACE_COUNT, JOINT_COUNT } from './skeleton.ts';
import { rowsOf, Track } from './track.ts';
import { AUDIO_CODEC, audioSamples, FLAG_LAST, faceWeights, KIND, type MediaFrame, readPoses } from './wire.ts';

const EASE_AFTER_MS = 200; // a stall longer than this eases to idle
const REPORT_MS = 200;
const CAPTION_STAYS_MS = 600;
const KEPT_EPOCHS = 4;

export interface Report {
  epoch: number;
  state: PlaybackState;
  audio_ms: number;
}

/** What the playout needs of the audio device; `Voice` is one. */
export interface Sound {
  do(command: Command): void;
  heard(nowMs: number): { epoch: number; sample: number; mode: Segment['mode']; sinceMs: number };
}

/** What the character does by itself: writes its figure at `nowMs` into `out`. */
export type Idle = (nowMs: number, dtS: number, out: Figure) => void;

export interface Caption {
  epoch: number;
  text: string;
  fromMs: number;
  toMs: number;
}

class Epoch {
  readonly root = new Track();
  readonly rot = new Track();
  readonly face = new Track();
  readonly captions: Caption[] = [];
  readonly epoch: number;
  readonly kind: string;
  readonly place: Place | null;

  constructor(epoch: number, kind: string, place: Place | null) {
    this.epoch = epoch;
    this.kind = kind;
    this.place = place;
  }

  put(frame: MediaFrame, headMs: number): void {
    if (frame.kind === KIND.pose) {
      const { root, rot } = readPoses(frame);
      this.root.put(frame.ptsUs, rowsOf(root, 3), headMs);
      this.rot.put(frame.ptsUs, rowsOf(rot, 4 * JOINT_COUNT), headMs);
    } else this.face.put(frame.ptsUs, rowsOf(faceWeights(frame), FACE_COUNT), headMs);
  }

  /** Writes body and face at `ms` over `out`; what has not arrived leaves `out` as it is. */
  at(ms: number, out: Figure): void {
    const root = this.root.around(ms);
    const rot = this.rot.around(ms);
    const face = this.face.around(ms);
    if (root) mix(root.before, root.after, root.share, out.root);
    if (rot) slerpAll(rot.before, rot.after, rot.share, out.rot);
    if (face) mix(face.before, face.after, face.share, out.face);
  }
}

/** What is shown: the epoch whose voice is heard (0: none), where in it, and whether its figure or idle's is seen. */
export interface Shown {
  epoch: number;
  headMs: number;
  source: number;
  blending: boolean;
}

export class Playout {
  readonly figure = newFigure();
  readonly shown: Shown = { epoch: 0, headMs: 0, source: 0, blending: false };
  droppedFrames = 0;
  private readonly epochs = new Map<number, Epoch>();
  private readonly dead = new Set<number>();
  private readonly sound: Sound;
  private readonly idle: Idle;
  private readonly report: (report: Report) => void;
  private readonly inertia = new Inertia();
  private readonly target = newFigure();
  private readonly opus = new OpusVoice((epoch, start, pcm, last) => this.onSound(epoch, start, pcm, last));
  /** Gives the character the place of an epoch; says how coordinates change, null if they do not. */
  stand: (place: Place) => Shift | null = () => null;
  private reportedMs = 0;
  private lastMs: number | null = null;

  constructor(sound: Sound, idle: Idle, report: (report: Report) => void) {
    this.sound = sound;
    this.idle = idle;
    this.report = report;
  }

  /** Takes in a control message. */
  onMessage(message: Down): void {
    switch (message.type) {
      case 'epoch.start':
        this.epochs.set(message.epoch, new Epoch(message.epoch, message.kind, message.space ?? null));
        this.sound.do({ type: 'open', epoch: message.epoch });
        return;
      case 'caption': {
        const { epoch, text, at_ms, d_ms } = message;
        this.epochs.get(epoch)?.captions.push({ epoch, text, fromMs: at_ms, toMs: at_ms + d_ms });
        return;
      }
      case 'epoch.end':
        this.sound.do({ type: 'end', epoch: message.epoch, samples: Math.round((message.audio_ms * RATE_HZ) / 1000) });
        return;
      case 'cancel':
        this.dead.add(message.epoch);
        this.sound.do({ type: 'cancel', epoch: message.epoch });
        return;
      case 'hold':
      case 'release':
        this.sound.do({ type: message.type, epoch: message.epoch });
        return;
      case 'snapshot':
        // the old state is gone with its epochs
        for (const epoch of this.epochs.keys()) this.dead.add(epoch);
        this.sound.do({ type: 'reset' });
    }
  }

  /** Forgets everything: another session begins, which counts its epochs anew. */
  reset(): void {
    this.sound.do({ type: 'reset' });
    this.epochs.clear();
    this.dead.clear();
  }

  /** Takes in a media frame; one of a cancelled or unknown epoch is dropped and counted. */
  onMedia(frame: MediaFrame): void {
    const epoch = this.epochs.get(frame.epoch);
    if (!epoch || this.dead.has(frame.epoch)) {
      this.droppedFrames++;
      return;
    }
    if (frame.kind !== KIND.audio) {
      epoch.put(frame, this.shown.epoch === frame.epoch ? this.shown.headMs : 0);
      return;
    }
    if (frame.codec === AUDIO_CODEC.opus) return this.opus.push(frame);
    const start = Math.round((frame.ptsUs * RATE_HZ) / 1e6);
    this.onSound(frame.epoch, start, audioSamples(frame), (frame.flags & FLAG_LAST) !== 0);
  }

  private onSound(epoch: number, start: number, pcm: Int16Array, last: boolean): void {
    if (this.epochs.has(epoch) && !this.dead.has(epoch)) this.sound.do({ type: 'push', epoch, start, pcm, last });
  }

  /** The device's play head changed state: the relay hears of it. */
  onChange(change: Change, nowMs: number): void {
    this.reportedMs = nowMs;
    this.report({ epoch: change.epoch, state: change.state, audio_ms: (change.head * 1000) / RATE_HZ });
    if (change.state === 'finished' || change.state === 'cut') this.forget();
  }

  private forget(): void {
    const old = [...this.epochs.keys()].slice(0, -KEPT_EPOCHS);
    for (const epoch of old) {
      this.epochs.delete(epoch);
      this.dead.delete(epoch);
    }
  }

  /** Says where the play head is when it is time; call it often, also where the page is not drawn. */
  beat(nowMs: number): void {
    if (nowMs - this.reportedMs < REPORT_MS) return;
    const heard = this.sound.heard(nowMs);
    if (heard.mode !== 'playing' || !heard.epoch) return;
    this.reportedMs = nowMs;
    this.report({ epoch: heard.epoch, state: 'playing', audio_ms: (heard.sample * 1000) / RATE_HZ });
  }

  /** Writes what is to be seen at `nowMs` into `figure` and `shown`. */
  advance(nowMs: number): void {
    const dtS = Math.min(0.1, Math.max(0, (nowMs - (this.lastMs ?? nowMs)) / 1000));
    this.lastMs = nowMs;
    const heard = this.sound.heard(nowMs);
    const epoch = this.epochs.get(heard.epoch);
    const moving = heard.mode === 'playing' || (heard.mode === 'stalled' && heard.sinceMs < EASE_AFTER_MS);
    const source = epoch && moving ? epoch.epoch : 0;
    const headMs = (heard.sample * 1000) / RATE_HZ;
    const by = epoch?.place && source && source !== this.shown.source ? this.stand(epoch.place) : null;
    if (by) this.inertia.move(by);
    this.idle(nowMs, dtS, this.target);
    if (epoch && source) epoch.at(headMs, this.target);
    if (source !== this.shown.source) this.inertia.start(this.target, source !== 0);
    copyFigure(this.target, this.figure);
    this.shown.blending = this.inertia.busy;
    this.inertia.apply(this.figure, dtS);
    Object.assign(this.shown, { epoch: epoch ? heard.epoch : 0, headMs: epoch ? headMs : 0, source });
  }

  /** The phrase that is being heard now; it stays through a short pause, until the next one begins. */
  caption(): Caption | null {
    const { epoch, headMs } = this.shown;
    const begun = (this.epochs.get(epoch)?.captions ?? []).filter((c) => c.fromMs <= headMs);
    const newest = begun.reduce<Caption | null>((a, c) => (a && a.fromMs > c.fromMs ? a : c), null);
    return newest && headMs < newest.toMs + CAPTION_STAYS_MS ? newest : null;
  }

  /** Late pose and face frames of an epoch that is kept. */
  late(epoch: number): number {
    const e = this.epochs.get(epoch);
    return e ? e.rot.late + e.face.late : 0;
  }
}
