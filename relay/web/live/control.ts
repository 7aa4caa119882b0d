/** Control messages between page and relay (unity_protocol/schema/control_{down,up}.json), as far as the page reads them. */

export type StateName = 'idle' | 'listening' | 'thinking' | 'speaking' | 'held' | 'apology';
export type PlaybackState = 'started' | 'playing' | 'held' | 'finished' | 'cut';

/** Metres, and turn about +y in radians. */
export interface Place {
  x: number;
  y: number;
  z: number;
  yaw_rad: number;
}

export interface Ready {
  type: 'ready';
  sid: string;
  incarnation: string;
  recovered: boolean;
  up_seq: number;
  character: string;
  ai_disclosure: string;
  audio: Record<'up' | 'down', { rate: number; codec: string }>;
  joints: string[];
  face_names: string[];
  pose_codec: string;
  fps: number;
  server_time_us: number;
}

export type Down =
  | Ready
  | { type: 'pong'; t0: number; t1: number; t2: number }
  | { type: 'gap'; from: number; to: number }
  | { type: 'goaway'; in_s: number; message: string }
  | { type: 'error'; code: string; message: string }
  | { type: 'token'; token: string; expires_at: number }
  | { type: 'snapshot'; state: StateName; epoch: number; character: string }
  | { type: 'state'; state: StateName; seq: number }
  | { type: 'transcript'; turn: number; text: string; final: boolean; seq: number }
  | { type: 'percept'; turn: number; acts: string[]; seq: number }
  | { type: 'epoch.start'; epoch: number; turn?: number; kind: string; brain: string; space?: Place; seq: number }
  | { type: 'caption'; epoch: number; text: string; at_ms: number; d_ms: number; seq: number }
  | { type: 'hold' | 'release' | 'cancel'; epoch: number; seq: number }
  | { type: 'epoch.end'; epoch: number; audio_ms: number; seq: number }
  | { type: 'turn.done'; turn: number; seq: number }
  | { type: 'turn.failed'; turn: number; code: string; message: string; seq: number }
  | { type: 'degraded'; part: string; why: string; seq: number }
  | { type: 'restored'; part: string; seq: number }
  | { type: 'scene'; rev: number; character: string; seq: number };

export type Up =
  | { type: 'playback'; epoch: number; state: PlaybackState; audio_ms: number }
  | { type: 'text'; text: string }
  | { type: 'character.set'; character: string }
  | { type: 'space'; epoch: number; transform: Place };

export interface Card {
  id: string;
  name: string;
  description?: string;
  expects?: string[];
  examples?: { user: string | string[]; topic?: string }[];
}
