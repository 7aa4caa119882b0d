/** When a sample of the audio device is heard, as a smooth clock: devices report in steps and jitter. */

const SLEW = 0.02; // share of the error taken up at each look
const JUMP_S = 0.1; // beyond it the device has paused or changed: follow at once

export interface Device {
  readonly currentTime: number;
  readonly outputLatency?: number;
  readonly baseLatency?: number;
  getOutputTimestamp?(): { contextTime?: number; performanceTime?: number };
}

export class HeardClock {
  private readonly device: Device;
  private offsetS: number | null = null; // device time minus performance time
  private last = 0;

  constructor(device: Device) {
    this.device = device;
  }

  /** Device time (seconds) of what is heard at `nowMs` of performance.now(); never goes back. */
  heardS(nowMs: number): number {
    const error = this.measured(nowMs) - nowMs / 1000 - (this.offsetS ?? 0);
    if (this.offsetS === null || Math.abs(error) > JUMP_S) this.offsetS = (this.offsetS ?? 0) + error;
    else this.offsetS += error * SLEW;
    this.last = Math.max(this.last, nowMs / 1000 + this.offsetS);
    return this.last;
  }

  private measured(nowMs: number): number {
    const stamp = this.device.getOutputTimestamp?.();
    // a device that has not begun, or does not know, says 0
    if (stamp?.contextTime && stamp.performanceTime) {
      return stamp.contextTime + (nowMs - stamp.performanceTime) / 1000;
    }
    return this.device.currentTime - (this.device.outputLatency || this.device.baseLatency || 0);
  }
}
