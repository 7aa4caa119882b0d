/** Feeds the recorder from the conversation, and saves what the user asks for. */

import { RATE_HZ } from './audioqueue.ts';
import type { Down } from './control.ts';
import { Recorder } from './recorder.ts';
import { saveModel, savePage } from './save.ts';
import type { World } from './world.ts';

export class Recording {
  readonly recorder = new Recorder();
  private readonly world: World;
  private caption = '';

  constructor(world: World) {
    this.world = world;
    world.watch((frame) => {
      const { voice } = world;
      if (!voice) return;
      this.listen();
      const ms = this.heardMs(frame.nowMs);
      this.recorder.frame(frame, ms);
      const c = world.playout.caption();
      const key = c ? `${c.epoch}:${c.fromMs}` : '';
      if (!c || key === this.caption) return;
      this.caption = key;
      const at = ms + c.fromMs - frame.headMs;
      this.recorder.caption({ fromMs: at, toMs: at + c.toMs - c.fromMs, who: 'character', text: c.text });
    });
  }

  /** Listens along as soon as there is a voice. */
  private listen(): void {
    const voice = this.world.voice!;
    if (voice.tape) return;
    voice.tape = (pcm, frame) => this.recorder.played(pcm, (frame * 1000) / RATE_HZ);
    voice.record(true);
  }

  private heardMs(nowMs: number): number {
    return (this.world.voice!.frameAt(nowMs) * 1000) / RATE_HZ;
  }

  /** A piece of the microphone that was just captured. */
  said(pcm: Int16Array): void {
    if (this.world.voice) this.recorder.said(pcm, this.heardMs(performance.now()) - 20);
  }

  /** What the relay said. */
  take(message: Down): void {
    if (!this.world.voice) return;
    const ms = this.heardMs(performance.now());
    if (message.type === 'state') this.recorder.state(message.state, ms);
    if (message.type === 'transcript' && message.final && message.text) {
      this.recorder.caption({ fromMs: ms - 2000, toMs: ms + 500, who: 'user', text: message.text });
    }
  }

  /** Saves the last `ms` as a page, or as model and sound. Throws Error in plain words. */
  async save(ms: number, as: 'page' | 'model', character: string, name: string): Promise<void> {
    const cut = this.recorder.cut(ms);
    if (!cut) throw new Error('Nothing was recorded yet: talk first.');
    const response = await fetch(`avatar/${encodeURIComponent(character)}.glb`);
    if (!response.ok) throw new Error(`The avatar file of ${name} could not be fetched (${response.status}).`);
    const glb = await response.arrayBuffer();
    if (as === 'page') await savePage(cut, name, glb);
    else saveModel(cut, name, glb);
  }
}
