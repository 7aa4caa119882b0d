/** The character's voice: the audio device as master clock, and what of it is heard at a moment. */

import workletUrl from './voice.worklet.ts?worker&url';
import { type Change, type Command, RATE_HZ, type Segment } from './audioqueue.ts';
import { HeardClock } from './heardclock.ts';
import { SessionError } from './request.ts';

const KEPT_SEGMENTS = 64;

/** What is heard: the epoch (0: none), its sample, and whether it moves. `sinceMs`: how long it has been so. */
export interface Heard {
  epoch: number;
  sample: number;
  mode: Segment['mode'];
  sinceMs: number;
}

export interface VoiceEvents {
  change(change: Change): void;
  beat(): void;
}

export class Voice {
  readonly context: AudioContext;
  readonly output: AudioNode;
  readonly analyser: AnalyserNode;
  stalls = 0;
  bufferMs = 100;
  /** Receives what is played, 24 kHz mono, as it is played: the recorder's. */
  tape: ((pcm: Float32Array, frame: number) => void) | null = null;
  private readonly node: AudioWorkletNode;
  private readonly clock: HeardClock;
  private segments: Segment[] = [{ frame: 0, epoch: 0, head: 0, mode: 'waiting' }];

  private constructor(context: AudioContext, node: AudioWorkletNode, events: VoiceEvents) {
    this.context = context;
    this.node = node;
    this.clock = new HeardClock(context);
    this.analyser = context.createAnalyser();
    this.analyser.fftSize = 1024;
    this.output = node;
    this.analyser.connect(context.destination);
    node.port.onmessage = ({ data }) => {
      if (data.type === 'segment') this.segments = [...this.segments, data.segment].slice(-KEPT_SEGMENTS);
      else if (data.type === 'change') events.change(data.change);
      else {
        this.stalls = data.stalls;
        this.bufferMs = data.bufferMs;
        let frame = data.frame - 128 * ((data.pcm?.length ?? 0) - 1);
        for (const pcm of data.pcm ?? []) {
          this.tape?.(pcm, frame);
          frame += pcm.length;
        }
        events.beat();
      }
    };
  }

  /** Opens the device; call it from a click, for browsers keep pages silent before one. Throws SessionError. */
  static async open(events: VoiceEvents): Promise<Voice> {
    const context = new AudioContext({ sampleRate: RATE_HZ, latencyHint: 'interactive' });
    try {
      await context.audioWorklet.addModule(workletUrl);
    } catch (error) {
      await context.close();
      throw new SessionError(`The server does not answer: the sound player could not be loaded (${String(error)}).`);
    }
    const options = { numberOfInputs: 0, outputChannelCount: [1] };
    const voice = new Voice(context, new AudioWorkletNode(context, 'solami-voice', options), events);
    await context.resume();
    return voice;
  }

  /** Tells the player what to do, in order. */
  do(command: Command): void {
    const transfer = command.type === 'push' ? [command.pcm.buffer] : [];
    this.node.port.postMessage(command, transfer as Transferable[]);
  }

  record(on: boolean): void {
    this.node.port.postMessage({ type: 'tape', on });
  }

  /** What reaches the ear at `nowMs` of performance.now(): the play head minus the output latency. */
  heard(nowMs: number): Heard {
    const frame = this.clock.heardS(nowMs) * RATE_HZ;
    let i = this.segments.length - 1;
    while (i > 0 && this.segments[i].frame > frame) i--;
    const { epoch, head, mode, frame: from } = this.segments[i];
    const moved = mode === 'playing' ? Math.max(0, frame - from) : 0;
    return { epoch, sample: head + moved, mode, sinceMs: ((frame - from) * 1000) / RATE_HZ };
  }

  /** Device frame that is heard at `nowMs`. */
  frameAt(nowMs: number): number {
    return this.clock.heardS(nowMs) * RATE_HZ;
  }

  get latencyMs(): number {
    return (this.context.outputLatency || this.context.baseLatency || 0) * 1000;
  }
}
