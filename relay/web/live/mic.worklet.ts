/** Microphone to 16 kHz PCM in 20 ms pieces, off the main thread. Posts {pcm, level} with level in dBFS. */

import { Resampler } from './resampler.ts';

const CHUNK = 320; // 20 ms at 16 kHz

declare const sampleRate: number;
declare function registerProcessor(name: string, processor: unknown): void;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}

class Microphone extends AudioWorkletProcessor {
  private readonly resampler = new Resampler(sampleRate, 16_000);
  private chunk = new Int16Array(CHUNK);
  private filled = 0;
  private power = 0;

  process(inputs: Float32Array[][]): boolean {
    const input = inputs[0]?.[0];
    if (!input) return true;
    for (const value of this.resampler.push(input)) {
      const v = Math.min(1, Math.max(-1, value));
      this.power += v * v;
      this.chunk[this.filled++] = Math.round(v * 32767);
      if (this.filled === CHUNK) this.post();
    }
    return true;
  }

  private post(): void {
    const level = 10 * Math.log10(this.power / CHUNK + 1e-12);
    this.port.postMessage({ pcm: this.chunk, level }, [this.chunk.buffer]);
    this.chunk = new Int16Array(CHUNK);
    this.filled = 0;
    this.power = 0;
  }
}

registerProcessor('solami-microphone', Microphone);
