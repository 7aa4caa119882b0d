/** Opus both ways by WebCodecs: 20 ms packets, one a media frame. See unity_protocol/README.md for the timing. */

import type { MediaFrame } from './wire.ts';
import { AUDIO_CODEC, KIND } from './wire.ts';

const UP_HZ = 16_000;
const UP_SAMPLES = 320; // 20 ms
const DOWN_HZ = 24_000;
const UP_BIT_RATE = 24_000;
const LOOKAHEAD_US = 6_500; // libopus' own, which every encoder in browsers is
const ENCODER: AudioEncoderConfig = {
  codec: 'opus',
  sampleRate: UP_HZ,
  numberOfChannels: 1,
  bitrate: UP_BIT_RATE,
  opus: { frameDuration: 20_000 },
};
const DECODER: AudioDecoderConfig = { codec: 'opus', sampleRate: DOWN_HZ, numberOfChannels: 1 };

/** Whether this browser can do both. Pages without encryption cannot. */
export async function opusSupported(): Promise<boolean> {
  if (typeof AudioEncoder === 'undefined' || typeof AudioDecoder === 'undefined') return false;
  try {
    const [up, down] = await Promise.all([
      AudioEncoder.isConfigSupported(ENCODER),
      AudioDecoder.isConfigSupported(DECODER),
    ]);
    return Boolean(up.supported && down.supported);
  } catch {
    return false;
  }
}

/** Receives an epoch's sound: `start` is the sample of its timeline at which `pcm` begins. */
export type TakeSound = (epoch: number, start: number, pcm: Int16Array, last: boolean) => void;

/** Unpacks the character's voice; packets come out in the order in which they went in. */
export class OpusVoice {
  private readonly take: TakeSound;
  private decoder: AudioDecoder | null = null;
  private waiting: MediaFrame[] = [];
  private epoch = -1;

  constructor(take: TakeSound) {
    this.take = take;
  }

  push(frame: MediaFrame): void {
    if (frame.epoch !== this.epoch || this.decoder?.state !== 'configured') this.begin(frame.epoch);
    this.waiting.push(frame);
    this.decoder!.decode(new EncodedAudioChunk({ type: 'key', timestamp: 0, data: frame.payload }));
  }

  /** Each epoch has a decoder of its own: it knows nothing of the one before, whose rest still comes out. */
  private begin(epoch: number): void {
    const old = this.decoder;
    if (old?.state === 'configured') void old.flush().then(() => old.close(), () => undefined);
    const waiting: MediaFrame[] = [];
    this.waiting = waiting;
    this.epoch = epoch;
    this.decoder = new AudioDecoder({
      output: (sound) => {
        const frame = waiting.shift();
        if (frame) this.place(frame, samplesOf(sound));
        sound.close();
      },
      // what was in it is lost, and is heard as silence at its place; the next packet begins anew
      error: (error) => console.warn('a piece of sound could not be unpacked:', error.message),
    });
    this.decoder.configure(DECODER);
  }

  private place(frame: MediaFrame, pcm: Int16Array): void {
    const start = Math.round((frame.ptsUs * DOWN_HZ) / 1e6);
    const before = Math.min(Math.max(0, -start), frame.count); // what lies before the epoch's first sample
    this.take(frame.epoch, start + before, pcm.slice(before, frame.count), (frame.flags & 1) !== 0);
  }
}

/** Samples at 24 kHz: Opus comes out at 48 kHz, and what was packed at 24 kHz has nothing above 12 kHz. */
function samplesOf(sound: AudioData): Int16Array {
  const all = new Float32Array(sound.numberOfFrames);
  sound.copyTo(all, { planeIndex: 0, format: 'f32-planar' });
  const step = Math.max(1, Math.round(sound.sampleRate / DOWN_HZ));
  const out = new Int16Array(Math.floor(all.length / step));
  for (let i = 0; i < out.length; i++) out[i] = Math.max(-32768, Math.min(32767, Math.round(all[i * step] * 32768)));
  return out;
}

/** Packs the microphone's 20 ms pieces. */
export class OpusMicrophone {
  private readonly encoder: AudioEncoder;
  private readonly times: number[] = [];

  constructor(take: (frame: MediaFrame) => void) {
    this.encoder = new AudioEncoder({
      output: (packet) => {
        const payload = new Uint8Array(packet.byteLength);
        packet.copyTo(payload);
        const ptsUs = (this.times.shift() ?? 0) - LOOKAHEAD_US;
        take({ kind: KIND.audio, codec: AUDIO_CODEC.opus, flags: 0, seq: 0, epoch: 0, count: UP_SAMPLES, ptsUs, payload });
      },
      error: (error) => console.warn('the microphone could not be packed:', error.message),
    });
    this.encoder.configure(ENCODER);
  }

  /** False when it broke: the sound then goes up as it is. */
  get works(): boolean {
    return this.encoder.state === 'configured';
  }

  push(pcm: Int16Array, ptsUs: number): void {
    this.times.push(ptsUs);
    const data = new AudioData({
      format: 's16', sampleRate: UP_HZ, numberOfFrames: pcm.length, numberOfChannels: 1, timestamp: ptsUs, data: pcm as BufferSource,
    });
    this.encoder.encode(data);
    data.close();
  }

  close(): void {
    if (this.works) this.encoder.close();
  }
}
