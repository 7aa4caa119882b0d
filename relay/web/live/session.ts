/** The session at the relay: opened over HTTP, kept over a WebSocket that comes back by itself and misses nothing. */

import { ClockSync, nowUs } from './clock.ts';
import type { Card, Down, Ready, Up } from './control.ts';
import { ask } from './request.ts';
import { CLOSE_CODES } from './skeleton.ts';
import { decodeMedia, encodeMedia, type MediaFrame, ProtocolError } from './wire.ts';

const PING_MS = 5_000;
const RECONNECT_MS = 30_000;
const RETRY_MS = [200, 400, 800, 1500, 3000];
const KEPT_UP = 1200; // 10 s of sound and pose
// Overflow rule upwards: while so much waits in the socket, sound and pose are not sent; they stay for a resume
const MAX_WAITING_BYTES = 512_000;

export type Status =
  | { kind: 'connecting' | 'ready' | 'lost' }
  | { kind: 'ended'; message: string; again: boolean };

export interface Handlers {
  message(message: Down): void;
  media(frame: MediaFrame): void;
  status(status: Status): void;
}

interface Ticket {
  sid: string;
  token: string;
  ws_url: string;
  expires_at: number;
}

export const listCharacters = async (): Promise<Card[]> =>
  (await ask<{ characters: Card[] }>('/v1/characters')).characters;

/** One connection to one session. Numbers what goes up, keeps it for a resume, and counts what comes down. */
export class Session {
  readonly clock = new ClockSync();
  ready: Ready | null = null;
  reconnects = 0;
  holes = 0;
  bytesDown = 0;
  private readonly handlers: Handlers;
  private ticket: Ticket | null = null;
  private socket: WebSocket | null = null;
  private seq = 0;
  private upSeq = 0;
  private kept: { seq: number; data: string | ArrayBuffer }[] = [];
  private lostAt: number | null = null;
  private tries = 0;
  private ended = false;
  private open_ = false;
  private timers: number[] = [];
  private audioCodecs: string[] = [];

  constructor(handlers: Handlers) {
    this.handlers = handlers;
  }

  /** Opens a session with `character`; the relay takes the first of `audioCodecs`. Throws SessionError. */
  async open(character: string, audioCodecs: string[] = ['pcm16']): Promise<void> {
    this.audioCodecs = audioCodecs;
    this.ticket = await ask<Ticket>('/v1/sessions', { character, locale: navigator.language.slice(0, 16) });
    this.handlers.status({ kind: 'connecting' });
    this.connect();
    this.timers.push(setInterval(() => this.tick(), PING_MS) as unknown as number);
  }

  private connect(): void {
    const ticket = this.ticket!;
    const socket = new WebSocket(ticket.ws_url);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    this.open_ = false;
    socket.onopen = () => socket.send(JSON.stringify(this.hello(ticket.token)));
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = (event) => this.closed(socket, event.code, event.reason);
  }

  private hello(token: string): object {
    return {
      type: 'hello',
      protocol: [1],
      token,
      client: { engine: 'browser', version: '1' },
      capabilities: { audio_codecs: this.audioCodecs, pose_codecs: ['s48', 's32', 'f32'], face: true, echo_cancelled: true },
      ...(this.ready ? { resume: { seq: this.seq, incarnation: this.ready.incarnation } } : {}),
    };
  }

  private receive(data: string | ArrayBuffer): void {
    this.bytesDown += typeof data === 'string' ? data.length : data.byteLength;
    try {
      if (typeof data !== 'string') {
        const frame = decodeMedia(data);
        this.saw(frame.seq);
        this.handlers.media(frame);
        return;
      }
      this.take(JSON.parse(data) as Down);
    } catch (error) {
      if (!(error instanceof ProtocolError || error instanceof SyntaxError)) throw error;
      console.warn('a message of the relay was left out:', error.message);
    }
  }

  private take(message: Down): void {
    if (message.type === 'ready') this.becameReady(message);
    else if (message.type === 'pong') this.clock.add(message.t0, message.t1, message.t2, nowUs());
    else if (message.type === 'gap') this.seq = Math.max(this.seq, message.to);
    else if (message.type === 'token') Object.assign(this.ticket!, message);
    else if ('seq' in message) this.saw(message.seq);
    this.handlers.message(message);
  }

  private saw(seq: number): void {
    if (this.seq && seq !== this.seq + 1) this.holes++;
    this.seq = seq;
  }

  private becameReady(ready: Ready): void {
    if (!ready.recovered) this.seq = 0;
    this.ready = ready;
    this.open_ = true;
    this.lostAt = null;
    this.tries = 0;
    for (const { seq, data } of this.kept) if (seq > ready.up_seq) this.write(data);
    this.tick();
    this.handlers.status({ kind: 'ready' });
  }

  private tick(): void {
    if (!this.open_ || !this.ticket) return;
    this.write(JSON.stringify({ type: 'ping', t0: nowUs() }));
    // a token that has run out would keep us from coming back
    if (this.ticket.expires_at * 1000 - Date.now() < 120_000) this.write('{"type":"token.refresh"}');
  }

  /** Sends a control message; it is kept for a resume. */
  send(message: Up): void {
    this.upSeq++;
    this.keep(JSON.stringify({ ...message, up_seq: this.upSeq }), false);
  }

  /** Sends a media frame; it is kept for a resume. */
  sendMedia(frame: MediaFrame): void {
    this.upSeq++;
    this.keep(encodeMedia({ ...frame, seq: this.upSeq }), true);
  }

  private keep(data: string | ArrayBuffer, media: boolean): void {
    this.kept.push({ seq: this.upSeq, data });
    if (this.kept.length > KEPT_UP) this.kept.shift();
    if (!this.open_ || (media && this.socket!.bufferedAmount > MAX_WAITING_BYTES)) return;
    this.write(data);
  }

  private write(data: string | ArrayBuffer): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(data);
  }

  private closed(socket: WebSocket, code: number, reason: string): void {
    if (socket !== this.socket || this.ended) return;
    this.open_ = false;
    const known = CLOSE_CODES.get(code);
    if (known && !known.reconnect) {
      this.end(sentence(code, reason || known.reason), true);
      return;
    }
    this.lostAt ??= performance.now();
    if (performance.now() - this.lostAt > RECONNECT_MS) {
      this.end('The connection was lost and could not be made again within 30 seconds.', true);
      return;
    }
    this.handlers.status({ kind: 'lost' });
    this.reconnects++;
    const wait = RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)];
    this.timers.push(setTimeout(() => !this.ended && this.connect(), wait) as unknown as number);
  }

  private end(message: string, again: boolean): void {
    this.ended = true;
    this.stopTimers();
    this.handlers.status({ kind: 'ended', message, again });
  }

  /** Loses the socket without a word to the relay, as a network does: for tests of resume. */
  cut(): void {
    this.socket?.close();
  }

  /** Says goodbye and stops. */
  close(): void {
    if (this.ended) return;
    this.ended = true;
    this.stopTimers();
    this.write(JSON.stringify({ type: 'bye', up_seq: this.upSeq + 1 }));
    this.socket?.close();
  }

  private stopTimers(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers = [];
  }
}

function sentence(code: number, reason: string): string {
  if (code === 4409) return 'This conversation was continued in another window. You can start a new one here.';
  if (code === 4401) return 'The session is no longer valid (its token has run out). Please start again.';
  if (code === 4404 || code === 4410) return 'The conversation has ended. You can start a new one.';
  return `The server closed the connection: ${reason}.`;
}
