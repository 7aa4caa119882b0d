/** The audio device's side of the character's voice: an `AudioQueue` driven by the device's own clock. */

import { AudioQueue, type Command } from './audioqueue.ts';

declare const currentFrame: number;
declare function registerProcessor(name: string, processor: unknown): void;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}

const BEAT = 8; // quanta: about every 43 ms the main thread is woken, also where the page is not drawn

class Voice extends AudioWorkletProcessor {
  private readonly queue = new AudioQueue(
    (segment) => this.port.postMessage({ type: 'segment', segment }),
    (change) => this.port.postMessage({ type: 'change', change }),
  );
  private quanta = 0;
  private tape: Float32Array[] | null = null;

  constructor() {
    super();
    this.port.onmessage = (event: MessageEvent<Command | { type: 'tape'; on: boolean }>) => {
      if (event.data.type === 'tape') this.tape = event.data.on ? [] : null;
      else this.queue.do(event.data);
    };
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const out = outputs[0][0];
    this.queue.process(out, currentFrame);
    this.tape?.push(out.slice());
    if (++this.quanta % BEAT === 0) this.beat();
    return true;
  }

  private beat(): void {
    const stats = { stalls: this.queue.stalls, bufferMs: this.queue.bufferMs };
    this.port.postMessage({ type: 'beat', frame: currentFrame, ...stats, pcm: this.tape });
    if (this.tape) this.tape = [];
  }
}

registerProcessor('solami-voice', Voice);
