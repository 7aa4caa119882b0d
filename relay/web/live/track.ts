/** Frames at 30 a second from an epoch's start on, sampled between frames; late ones are counted. */

import { FPS } from './skeleton.ts';


export class Track {
  late = 0;
  /** One row a frame, from pts 0 on. */
  readonly rows: Float32Array[] = [];

  /** Takes in consecutive frames; what is there already is left out, a hole repeats the frame before it. */
  put(ptsUs: number, rows: Float32Array[], headMs: number): void {
    let index = Math.round((ptsUs * FPS) / 1e6);
    if (ptsUs / 1000 + (rows.length * 1000) / FPS < headMs) this.late += rows.length;
    for (const row of rows) {
      while (this.rows.length < index) this.rows.push(this.rows.at(-1) ?? row);
      if (index === this.rows.length) this.rows.push(row);
      index++;
    }
  }

  /** The frames before and after `ms` and the share of the way between them; null while there are none. */
  around(ms: number): { before: Float32Array; after: Float32Array; share: number } | null {
    if (!this.rows.length) return null;
    const place = Math.max(0, (ms * FPS) / 1000);
    const low = Math.min(Math.floor(place), this.rows.length - 1);
    const high = Math.min(low + 1, this.rows.length - 1);
    return { before: this.rows[low], after: this.rows[high], share: Math.min(1, place - low) };
  }

  /** Distance from `ms` to the newest frame that is there and lies at most one frame after it. */
  skewMs(ms: number): number | null {
    if (!this.rows.length) return null;
    const index = Math.min(this.rows.length - 1, Math.floor((ms * FPS) / 1000) + 1);
    return Math.abs(ms - (index * 1000) / FPS);
  }
}

/** Cuts a flat array into rows of `width`. */
export function rowsOf(flat: Float32Array, width: number): Float32Array[] {
  return Array.from({ length: flat.length / width }, (_, i) => flat.subarray(i * width, (i + 1) * width));
}
