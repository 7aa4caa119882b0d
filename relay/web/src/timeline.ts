/** The time line under the stage: both voices as waveforms, events as marks, a head that can be dragged. */

import type { Turn } from './turndata';

const COLOURS = { user: '#8fc7e8', character: '#f2b26b', head: '#ffffff', rule: '#f4efe640' };
const MARKS: Record<string, string> = {
  hold: '#ff8f6b',
  release: '#9fe08f',
  cancel: '#ff5a5a',
  degraded: '#ffd84d',
  endpoint: '#c9b6ff',
};

export class Timeline {
  private readonly draw2d: CanvasRenderingContext2D;
  private readonly peaks = new Map<string, Float32Array>();

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly turn: Turn,
    seek: (seconds: number) => void,
  ) {
    this.draw2d = canvas.getContext('2d')!;
    const at = (e: PointerEvent) => {
      const box = canvas.getBoundingClientRect();
      seek(((e.clientX - box.left) / box.width) * turn.durationS);
    };
    canvas.addEventListener('pointerdown', (e) => {
      canvas.setPointerCapture(e.pointerId);
      at(e);
    });
    canvas.addEventListener('pointermove', (e) => {
      if (canvas.hasPointerCapture(e.pointerId)) at(e);
    });
    canvas.setAttribute('aria-valuemax', turn.durationS.toFixed(1));
  }

  show(seconds: number): void {
    const { clientWidth: w, clientHeight: h } = this.canvas;
    const scale = Math.min(devicePixelRatio, 2);
    if (this.canvas.width !== Math.round(w * scale) || this.canvas.height !== Math.round(h * scale)) {
      this.canvas.width = Math.round(w * scale);
      this.canvas.height = Math.round(h * scale);
      this.peaks.clear();
    }
    const c = this.draw2d;
    c.setTransform(scale, 0, 0, scale, 0, 0);
    c.clearRect(0, 0, w, h);
    this.wave('user', this.turn.userAudio, w, h * 0.28, h * 0.22, seconds);
    this.wave('character', this.turn.audio, w, h * 0.72, h * 0.24, seconds);
    for (const event of this.turn.events) {
      const colour = MARKS[event.kind];
      if (!colour) continue;
      c.fillStyle = colour;
      c.fillRect((event.t_ms / 1000 / this.turn.durationS) * w - 1, 2, 2, h - 4);
    }
    c.fillStyle = COLOURS.head;
    c.fillRect((seconds / this.turn.durationS) * w - 1, 0, 2, h);
    this.canvas.setAttribute('aria-valuenow', seconds.toFixed(2));
  }

  private wave(who: 'user' | 'character', samples: Int16Array | null, w: number, y: number, half: number, now: number) {
    const c = this.draw2d;
    c.fillStyle = COLOURS.rule;
    c.fillRect(0, y - 0.5, w, 1);
    if (!samples) return;
    const peaks = this.peaksOf(who, samples, Math.floor(w / 3));
    c.fillStyle = COLOURS[who];
    for (let i = 0; i < peaks.length; i++) {
      const t = (i / peaks.length) * this.turn.durationS;
      c.globalAlpha = t <= now ? 1 : 0.45;
      const a = Math.max(0.6, Math.sqrt(peaks[i]) * half);
      if (peaks[i] > 0.003) c.fillRect(i * 3, y - a, 2, a * 2);
    }
    c.globalAlpha = 1;
  }

  /** The loudest sample in each of `bins` slices of the whole time line. */
  private peaksOf(who: string, samples: Int16Array, bins: number): Float32Array {
    const known = this.peaks.get(who);
    if (known) return known;
    const out = new Float32Array(bins);
    const slice = (this.turn.durationS * this.turn.rate) / bins;
    for (let i = 0; i < bins; i++) {
      const end = Math.min(samples.length, Math.floor((i + 1) * slice));
      let loudest = 0;
      for (let k = Math.floor(i * slice); k < end; k++) loudest = Math.max(loudest, Math.abs(samples[k]));
      out[i] = loudest / 32768;
    }
    this.peaks.set(who, out);
    return out;
  }
}
