/** The behaviour pack: what the character does by itself, clips chosen by state, cross-faded over 250 ms. */

import { blend, ease, type Figure, mix, newFigure, slerpAll } from './figure.ts';
import { FACE_COUNT, FPS, JOINT_COUNT } from './skeleton.ts';
import { rowsOf, Track } from './track.ts';
import { audioSamples, decodeMedia, faceWeights, KIND, readPoses } from './wire.ts';

export const FADE_MS = 250;

export interface PackJson {
  character: string;
  clips: { state: string; name: string; loop: boolean; frames: string[] }[];
}

export interface Clip {
  state: string;
  name: string;
  loop: boolean;
  root: Track;
  rot: Track;
  face: Track;
  pcm: Int16Array[];
  lengthMs: number;
}

/** Decodes the pack of `/v1/characters/{id}/behaviours`. Throws ProtocolError for a broken frame. */
export function readPack(json: PackJson): Clip[] {
  return json.clips.map((packed) => {
    const clip: Clip = {
      state: packed.state,
      name: packed.name,
      loop: packed.loop,
      root: new Track(),
      rot: new Track(),
      face: new Track(),
      pcm: [],
      lengthMs: 0,
    };
    for (const text of packed.frames) {
      const frame = decodeMedia(bytes(text));
      if (frame.kind === KIND.pose) {
        const poses = readPoses(frame);
        clip.root.put(frame.ptsUs, rowsOf(poses.root, 3), 0);
        clip.rot.put(frame.ptsUs, rowsOf(poses.rot, 4 * JOINT_COUNT), 0);
      } else if (frame.kind === KIND.face) clip.face.put(frame.ptsUs, rowsOf(faceWeights(frame), FACE_COUNT), 0);
      else clip.pcm.push(audioSamples(frame));
    }
    clip.lengthMs = (clip.root.rows.length * 1000) / FPS;
    return clip;
  });
}

function bytes(base64: string): ArrayBuffer {
  const text = atob(base64);
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out.buffer;
}

const PACK_STATE: Record<string, string> = {
  listening: 'listen',
  held: 'listen',
  thinking: 'think',
  apology: 'apology',
};

/** Plays the pack. Works with every server gone once the pack is there. */
export class IdleLayer {
  private readonly byState = new Map<string, Clip[]>();
  private readonly random: () => number;
  private clip: Clip;
  private beganMs = 0;
  private before: { clip: Clip; beganMs: number } | null = null;
  private changedMs = -1e9;
  private readonly other = newFigure();

  constructor(clips: Clip[], random: () => number = Math.random) {
    for (const clip of clips) this.byState.set(clip.state, [...(this.byState.get(clip.state) ?? []), clip]);
    const first = this.byState.get('idle')?.[0];
    if (!first) throw new Error('the behaviour pack has no idle clip');
    this.clip = first;
    this.random = random;
  }

  /** Changes to a clip of a state of the wire; `speaking` and unknown ones play idle. */
  setState(state: string, nowMs: number): void {
    const wanted = PACK_STATE[state] ?? 'idle';
    if (wanted !== this.clip.state && this.byState.has(wanted)) this.switch(wanted, nowMs);
  }

  private switch(wanted: string, nowMs: number): void {
    const all = this.byState.get(wanted)!;
    const others = all.filter((c) => c !== this.clip);
    const choices = others.length ? others : all;
    this.before = { clip: this.clip, beganMs: this.beganMs };
    this.clip = choices[Math.floor(this.random() * choices.length)];
    this.beganMs = this.changedMs = nowMs;
  }

  /** Writes the figure at `nowMs` into `out`; never the same loop twice in a row where there are others.
   *
   * `still` keeps the body at the first frame of its state; the face goes on blinking.
   */
  at(nowMs: number, out: Figure, still = false): void {
    if (nowMs - this.beganMs >= this.clip.lengthMs - FADE_MS) this.switch(this.clip.loop ? this.clip.state : 'idle', nowMs);
    this.sample(this.clip, nowMs - this.beganMs, still, out);
    const share = ease((nowMs - this.changedMs) / FADE_MS);
    if (share >= 1 || !this.before) return;
    this.sample(this.before.clip, nowMs - this.before.beganMs, still, this.other);
    blend(this.other, out, share, out);
  }

  private sample(clip: Clip, atMs: number, still: boolean, out: Figure): void {
    const ms = Math.min(atMs, clip.lengthMs - 1000 / FPS);
    const body = still ? this.byState.get(clip.state)![0] : clip;
    const root = body.root.around(still ? 0 : ms);
    const rot = body.rot.around(still ? 0 : ms);
    const face = clip.face.around(ms);
    if (!root || !rot || !face) return;
    mix(root.before, root.after, root.share, out.root);
    slerpAll(rot.before, rot.after, rot.share, out.rot);
    mix(face.before, face.after, face.share, out.face);
  }

  /** Name of the clip that plays, for tests. */
  get playing(): string {
    return `${this.clip.state}/${this.clip.name}`;
  }
}
