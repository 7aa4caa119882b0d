/** Any rate to 16 kHz by a windowed sinc, streaming: the microphone runs at the device's own rate. */

const HALF = 16; // zero crossings on each side

export class Resampler {
  private readonly step: number;
  private readonly cutoff: number;
  private history: Float32Array;
  private position = 0; // of the next output sample, in input samples from the history's start

  constructor(fromHz: number, toHz: number) {
    this.step = fromHz / toHz;
    this.cutoff = Math.min(1, toHz / fromHz) * 0.95;
    const reach = this.reach();
    this.history = new Float32Array(reach);
    this.position = reach;
  }

  /** Input samples that one output sample needs on each side. */
  private reach(): number {
    return Math.ceil(HALF / this.cutoff);
  }

  /** Returns what the new samples complete; the output lags by half the kernel (1 ms at 48 kHz). */
  push(input: Float32Array): Float32Array {
    const reach = this.reach();
    const line = new Float32Array(this.history.length + input.length);
    line.set(this.history);
    line.set(input, this.history.length);
    const out: number[] = [];
    while (this.position + reach < line.length) {
      out.push(this.at(line, this.position));
      this.position += this.step;
    }
    const keep = Math.max(0, Math.floor(this.position) - reach);
    this.history = line.slice(keep);
    this.position -= keep;
    return Float32Array.from(out);
  }

  private at(line: Float32Array, position: number): number {
    const reach = this.reach();
    const from = Math.max(0, Math.ceil(position - reach));
    const to = Math.min(line.length - 1, Math.floor(position + reach));
    let sum = 0;
    for (let i = from; i <= to; i++) {
      const x = (i - position) * this.cutoff;
      const y = x * Math.PI;
      const sinc = Math.abs(y) < 1e-6 ? 1 : Math.sin(y) / y;
      const window = 0.5 + 0.5 * Math.cos(y / HALF); // Hann
      sum += line[i] * sinc * window;
    }
    return sum * this.cutoff;
  }
}
