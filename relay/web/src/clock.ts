/** Recorded sound as master clock: everything else asks it for the time. */

export interface Track {
  samples: Int16Array;
  gain: number;
}

export class AudioClock {
  private context: AudioContext | null = null;
  private sources: AudioBufferSourceNode[] = [];
  private positionS = 0;
  private startedAt = 0;
  private starting = false;
  playing = false;

  constructor(
    private readonly tracks: Track[],
    private readonly rate: number,
    readonly durationS: number,
  ) {}

  /** The time line's position that is heard now, seconds. */
  now(): number {
    if (!this.playing || !this.context) return this.positionS;
    // what was scheduled is heard one output latency later
    const latency = this.context.outputLatency || this.context.baseLatency || 0;
    const t = this.context.currentTime - this.startedAt - latency;
    return Math.min(Math.max(t, this.positionS), this.durationS);
  }

  async play(): Promise<void> {
    if (this.playing || this.starting) return;
    this.context ??= new AudioContext();
    this.starting = true;
    try {
      await this.context.resume();
    } finally {
      this.starting = false;
    }
    if (this.positionS >= this.durationS - 0.01) this.positionS = 0;
    this.startedAt = this.context.currentTime - this.positionS;
    for (const track of this.tracks) {
      const at = Math.floor(this.positionS * this.rate);
      if (at >= track.samples.length) continue;
      const buffer = this.context.createBuffer(1, track.samples.length - at, this.rate);
      const out = buffer.getChannelData(0);
      for (let i = 0; i < out.length; i++) out[i] = track.samples[at + i] / 32768;
      const source = this.context.createBufferSource();
      source.buffer = buffer;
      const gain = this.context.createGain();
      gain.gain.value = track.gain;
      source.connect(gain).connect(this.context.destination);
      source.start();
      this.sources.push(source);
    }
    this.playing = true;
  }

  pause(): void {
    this.positionS = this.now();
    this.playing = false;
    for (const source of this.sources) source.stop();
    this.sources = [];
  }

  async seek(seconds: number): Promise<void> {
    const again = this.playing;
    if (again) this.pause();
    this.positionS = Math.min(Math.max(seconds, 0), this.durationS);
    if (again) await this.play();
  }
}
