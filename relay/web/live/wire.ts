/** Media frames of protocol version 1: a 24-byte little-endian header and its payload (unity_protocol/README.md). */

import { FACE_COUNT, JOINT_COUNT } from './skeleton.ts';

export const KIND = { audio: 1, pose: 2, face: 3 } as const;
export const AUDIO_CODEC = { pcm16: 0, opus: 1 } as const;
export const POSE_CODEC = { f32: 0, s48: 1, s32: 2 } as const;
export const FLAG_LAST = 1;
export const FLAG_TRACKING_LOST = 2;
export const HEADER_BYTES = 24;
const MAX_AUDIO_SAMPLES = 24_000;
const MAX_OPUS_BYTES = 4_000;
const MAX_FRAMES = 60;
const ROTATION_BYTES = [16, 6, 4];
const LIMIT = Math.SQRT1_2;
const OTHERS = [
  [1, 2, 3],
  [0, 2, 3],
  [0, 1, 3],
  [0, 1, 2],
];

/** A message broke the protocol; `field` names what was wrong. */
export class ProtocolError extends Error {
  readonly field: string;
  constructor(field: string, why: string) {
    super(`${field}: ${why}`);
    this.field = field;
  }
}

export interface MediaFrame {
  kind: number;
  codec: number;
  flags: number;
  seq: number;
  epoch: number;
  /** Samples or frames in the payload. */
  count: number;
  /** Of the first sample or frame, microseconds. */
  ptsUs: number;
  payload: Uint8Array;
}

/** Poses: root in metres (count x 3), local quaternions x y z w (count x 55 x 4), validity (count x 55) upwards only. */
export interface Poses {
  root: Float32Array;
  rot: Float32Array;
  validity: Uint8Array | null;
}

/** Reads and checks a frame; `validity`: upward pose, which has 55 more bytes a frame. Throws ProtocolError. */
export function decodeMedia(data: ArrayBuffer, validity = false): MediaFrame {
  if (data.byteLength < HEADER_BYTES) throw new ProtocolError('header', `${data.byteLength} bytes, expected at least 24`);
  const view = new DataView(data);
  if (view.getUint8(0) !== 1) throw new ProtocolError('version', `${view.getUint8(0)}, expected 1`);
  const frame: MediaFrame = {
    kind: view.getUint8(1),
    codec: view.getUint8(2),
    flags: view.getUint8(3),
    seq: view.getUint32(4, true),
    epoch: view.getUint32(8, true),
    count: view.getUint16(12, true),
    ptsUs: Number(view.getBigInt64(16, true)),
    payload: new Uint8Array(data, HEADER_BYTES),
  };
  if (view.getUint16(14, true) !== 0) throw new ProtocolError('reserved', `${view.getUint16(14, true)}, expected 0`);
  if (frame.flags & ~3) throw new ProtocolError('flags', `${frame.flags}, expected bits 1 and 2 only`);
  check(frame, validity);
  return frame;
}

function check(frame: MediaFrame, validity: boolean): void {
  const { kind, codec, count } = frame;
  const most = kind === KIND.audio ? MAX_AUDIO_SAMPLES : MAX_FRAMES;
  if (count > most) throw new ProtocolError('count', `${count}, expected at most ${most}`);
  let bytes: number;
  if (kind === KIND.audio) {
    if (codec === AUDIO_CODEC.opus) return checkOpus(frame.payload.byteLength);
    if (codec !== AUDIO_CODEC.pcm16) throw new ProtocolError('codec', `${codec}, expected 0 PCM16 or 1 Opus for audio`);
    bytes = 2 * count;
  } else if (kind === KIND.pose) {
    if (!(codec in ROTATION_BYTES)) throw new ProtocolError('codec', `${codec}, expected 0, 1 or 2 for pose`);
    bytes = count * poseStride(codec, validity);
  } else if (kind === KIND.face) {
    if (codec !== 0) throw new ProtocolError('codec', `${codec}, expected 0 for face`);
    bytes = count * FACE_COUNT;
  } else throw new ProtocolError('kind', `${kind}, expected 1 audio, 2 pose or 3 face`);
  const got = frame.payload.byteLength;
  if (got !== bytes) throw new ProtocolError('payload', `${got} bytes, expected ${bytes}`);
}

function checkOpus(bytes: number): void {
  if (bytes > MAX_OPUS_BYTES) throw new ProtocolError('payload', `${bytes} bytes of Opus, expected at most ${MAX_OPUS_BYTES}`);
}

function poseStride(codec: number, validity: boolean): number {
  return 12 + JOINT_COUNT * ROTATION_BYTES[codec] + (validity ? JOINT_COUNT : 0);
}

/** Writes header and payload. */
export function encodeMedia(frame: MediaFrame): ArrayBuffer {
  const out = new ArrayBuffer(HEADER_BYTES + frame.payload.byteLength);
  const view = new DataView(out);
  view.setUint8(0, 1);
  view.setUint8(1, frame.kind);
  view.setUint8(2, frame.codec);
  view.setUint8(3, frame.flags);
  view.setUint32(4, frame.seq, true);
  view.setUint32(8, frame.epoch, true);
  view.setUint16(12, frame.count, true);
  view.setBigInt64(16, BigInt(Math.round(frame.ptsUs)), true);
  new Uint8Array(out, HEADER_BYTES).set(frame.payload);
  return out;
}

/** Samples of a PCM16 frame. */
export function audioSamples(frame: MediaFrame): Int16Array {
  const out = new Int16Array(frame.count);
  const view = new DataView(frame.payload.buffer, frame.payload.byteOffset);
  for (let i = 0; i < frame.count; i++) out[i] = view.getInt16(2 * i, true);
  return out;
}

/** A PCM16 frame of `pcm`. */
export function audioFrame(pcm: Int16Array, ptsUs: number, epoch = 0, seq = 0): MediaFrame {
  const payload = new Uint8Array(2 * pcm.length);
  const view = new DataView(payload.buffer);
  for (let i = 0; i < pcm.length; i++) view.setInt16(2 * i, pcm[i], true);
  return { kind: KIND.audio, codec: 0, flags: 0, seq, epoch, count: pcm.length, ptsUs, payload };
}

/** Weights of a face frame, count x 52, 0 to 1. */
export function faceWeights(frame: MediaFrame): Float32Array {
  const out = new Float32Array(frame.payload.length);
  for (let i = 0; i < out.length; i++) out[i] = frame.payload[i] / 255;
  return out;
}

/** A face frame of weights, count x 52; what lies outside 0 to 1 is clipped. */
export function faceFrame(weights: Float32Array, ptsUs: number, epoch = 0, seq = 0): MediaFrame {
  const payload = Uint8Array.from(weights, (w) => nearest(Math.min(1, Math.max(0, w)) * 255));
  return { kind: KIND.face, codec: 0, flags: 0, seq, epoch, count: weights.length / FACE_COUNT, ptsUs, payload };
}

/** Poses of a frame in any codec. Throws ProtocolError for a number that is not finite. */
export function readPoses(frame: MediaFrame, validity = false): Poses {
  const { count, codec, payload } = frame;
  const stride = poseStride(codec, validity);
  const root = new Float32Array(count * 3);
  const rot = new Float32Array(count * JOINT_COUNT * 4);
  const valid = validity ? new Uint8Array(count * JOINT_COUNT) : null;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const size = ROTATION_BYTES[codec];
  for (let f = 0; f < count; f++) {
    const at = f * stride;
    for (let i = 0; i < 3; i++) root[f * 3 + i] = finite(view.getFloat32(at + 4 * i, true));
    for (let j = 0; j < JOINT_COUNT; j++) {
      readRotation(view, at + 12 + j * size, codec, rot, (f * JOINT_COUNT + j) * 4);
    }
    valid?.set(payload.subarray(at + stride - JOINT_COUNT, at + stride), f * JOINT_COUNT);
  }
  return { root, rot, validity: valid };
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw new ProtocolError('pose', 'a root position or rotation is not a finite number');
  return value;
}

function readRotation(view: DataView, at: number, codec: number, out: Float32Array, to: number): void {
  if (codec === POSE_CODEC.f32) {
    for (let i = 0; i < 4; i++) out[to + i] = finite(view.getFloat32(at + 4 * i, true));
    return;
  }
  const low = view.getUint32(at, true);
  if (codec === POSE_CODEC.s32) {
    unpack(low & 1023, (low >>> 10) & 1023, (low >>> 20) & 1023, low >>> 30, 1023, out, to);
    return;
  }
  const high = view.getUint16(at + 4, true);
  const c = ((low >>> 30) | (high << 2)) & 32767;
  unpack(low & 32767, (low >>> 15) & 32767, c, (high >>> 13) & 3, 32767, out, to);
}

/** Rebuilds the component that was left out. Source of the method: Glenn Fiedler, "Snapshot Compression" (2015). */
function unpack(a: number, b: number, c: number, largest: number, top: number, out: Float32Array, to: number): void {
  const x = ((a / top) * 2 - 1) * LIMIT;
  const y = ((b / top) * 2 - 1) * LIMIT;
  const z = ((c / top) * 2 - 1) * LIMIT;
  const w = Math.sqrt(Math.max(0, 1 - x * x - y * y - z * z));
  const norm = 1 / Math.sqrt(x * x + y * y + z * z + w * w);
  const [i, j, k] = OTHERS[largest];
  out[to + i] = x * norm;
  out[to + j] = y * norm;
  out[to + k] = z * norm;
  out[to + largest] = w * norm;
}

/** A pose frame of root (count x 3) and rotations (count x 55 x 4); `validity` (count x 55) upwards. */
export function poseFrame(poses: Poses, codec: number, ptsUs: number, epoch = 0, seq = 0): MediaFrame {
  const count = poses.root.length / 3;
  const stride = poseStride(codec, poses.validity !== null);
  const payload = new Uint8Array(count * stride);
  const view = new DataView(payload.buffer);
  const size = ROTATION_BYTES[codec];
  for (let f = 0; f < count; f++) {
    const at = f * stride;
    for (let i = 0; i < 3; i++) view.setFloat32(at + 4 * i, poses.root[f * 3 + i], true);
    for (let j = 0; j < JOINT_COUNT; j++) {
      writeRotation(view, at + 12 + j * size, codec, poses.rot, (f * JOINT_COUNT + j) * 4);
    }
    if (poses.validity) {
      payload.set(poses.validity.subarray(f * JOINT_COUNT, (f + 1) * JOINT_COUNT), at + stride - JOINT_COUNT);
    }
  }
  return { kind: KIND.pose, codec, flags: 0, seq, epoch, count, ptsUs, payload };
}

function writeRotation(view: DataView, at: number, codec: number, rot: Float32Array, from: number): void {
  if (codec === POSE_CODEC.f32) {
    for (let i = 0; i < 4; i++) view.setFloat32(at + 4 * i, rot[from + i], true);
    return;
  }
  let largest = 0;
  for (let i = 1; i < 4; i++) if (Math.abs(rot[from + i]) > Math.abs(rot[from + largest])) largest = i;
  const sign = rot[from + largest] < 0 ? -1 : 1;
  const top = codec === POSE_CODEC.s48 ? 32767 : 1023;
  const [a, b, c] = OTHERS[largest].map((i) => level(rot[from + i] * sign, top));
  if (codec === POSE_CODEC.s32) {
    view.setUint32(at, (a | (b << 10) | (c << 20) | (largest << 30)) >>> 0, true);
    return;
  }
  view.setUint32(at, (a | (b << 15) | (c << 30)) >>> 0, true);
  view.setUint16(at + 4, (c >>> 2) | (largest << 13), true);
}

function level(value: number, top: number): number {
  return nearest(((Math.min(LIMIT, Math.max(-LIMIT, value)) / LIMIT + 1) / 2) * top);
}

/** Rounds halves to even, as the vectors do. */
function nearest(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
}
