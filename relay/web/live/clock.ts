/** Offset to the relay's clock from four timestamps, microseconds: the quickest of eight probes counts, slewed. */

const WINDOW = 8;
const MAX_SLEW = 500e-6;

interface Probe {
  roundTrip: number;
  offset: number;
}

/** Own monotonic time, microseconds. */
export const nowUs = (): number => Math.round(performance.now() * 1000);

export class ClockSync {
  private probes: Probe[] = [];
  private offset: number | null = null;
  private at = 0;

  /** Takes in one probe: t0 sent and t3 received here, t1 received and t2 sent there. */
  add(t0: number, t1: number, t2: number, t3: number): void {
    const roundTrip = t3 - t0 - (t2 - t1);
    if (roundTrip < 0) return;
    const before = this.offset === null ? null : this.offsetUs(t3);
    this.probes = [...this.probes, { roundTrip, offset: (t1 - t0 + (t2 - t3)) / 2 }].slice(-WINDOW);
    this.offset = before ?? this.best()!.offset;
    this.at = t3;
  }

  /** Relay's clock minus own clock. */
  offsetUs(now: number): number {
    const best = this.best();
    if (this.offset === null || !best) return 0;
    const room = Math.max(0, now - this.at) * MAX_SLEW;
    return this.offset + Math.min(room, Math.max(-room, best.offset - this.offset));
  }

  /** Lowest round trip of the window, null before the first probe. */
  get roundTripUs(): number | null {
    return this.best()?.roundTrip ?? null;
  }

  private best(): Probe | null {
    return this.probes.reduce<Probe | null>((a, b) => (a && a.roundTrip <= b.roundTrip ? a : b), null);
  }
}
