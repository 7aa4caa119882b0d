/** The recorded turn inside the page, as `solami/headset/page.py` writes it. */

export const JOINTS = 55;
export const SHAPES = 52;
const ROT_SCALE = 32767;

export interface Caption {
  t0_ms: number;
  t1_ms: number;
  who: 'user' | 'character';
  text: string;
}

export interface TurnEvent {
  t_ms: number;
  kind: string;
  detail: string;
}

/** Poses at a fixed rate: root in metres (frames x 3), local quaternions x y z w (frames x 55 x 4). */
export interface PoseTrack {
  frames: number;
  root: Float32Array;
  rot: Float32Array;
}

export interface Turn {
  character: string;
  fps: number;
  avatar: ArrayBuffer;
  rate: number;
  audio: Int16Array;
  userAudio: Int16Array | null;
  pose: PoseTrack;
  /** frames x 52, 0 to 1. */
  face: Float32Array;
  user: PoseTrack | null;
  captions: Caption[];
  events: TurnEvent[];
  numbers: Record<string, number | string>;
  durationS: number;
}

interface PoseJson {
  root_f32_b64: string;
  rot_i16_b64: string;
}

function bytes(b64: string): ArrayBuffer {
  const text = atob(b64);
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out.buffer;
}

function poseTrack(json: PoseJson): PoseTrack {
  const root = new Float32Array(bytes(json.root_f32_b64));
  const coded = new Int16Array(bytes(json.rot_i16_b64));
  return { frames: root.length / 3, root, rot: Float32Array.from(coded, (v) => v / ROT_SCALE) };
}

/** Reads the page's data; throws when there is none. */
export function readTurn(text: string): Turn {
  const json = JSON.parse(text);
  const pose = poseTrack(json.pose);
  const audio = new Int16Array(bytes(json.audio.pcm16_b64));
  const userAudio = json.audio.user_pcm16_b64 ? new Int16Array(bytes(json.audio.user_pcm16_b64)) : null;
  const samples = Math.max(audio.length, userAudio?.length ?? 0);
  return {
    character: json.character,
    fps: json.fps,
    avatar: bytes(json.avatar_glb_b64),
    rate: json.audio.rate,
    audio,
    userAudio,
    pose,
    face: Float32Array.from(new Uint8Array(bytes(json.face_u8_b64)), (v) => v / 255),
    user: json.user_pose ? poseTrack(json.user_pose) : null,
    captions: json.captions,
    events: json.events,
    numbers: json.numbers,
    durationS: Math.max(pose.frames / json.fps, samples / json.audio.rate),
  };
}
