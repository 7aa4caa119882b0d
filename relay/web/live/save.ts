/** A recording as files: a page that opens anywhere, a GLB with the animation, a WAV of both voices. */

import { animated } from './animated.ts';
import type { Recording } from './recorder.ts';
import { RATE_HZ } from './audioqueue.ts';

const PLACEHOLDER = '__TURN_JSON__';

/** Saves the self-contained page. Throws Error in plain words when the player is not beside the page. */
export async function savePage(recording: Recording, name: string, glb: ArrayBuffer): Promise<void> {
  const response = await fetch('player.html');
  if (!response.ok) throw new Error('The player for saved pages is not on this server; build it with `npm run build`.');
  const text = JSON.stringify(document_(recording, name, glb)).replaceAll('</', '<\\/');
  const page = (await response.text()).replace(PLACEHOLDER, () => text);
  download(new Blob([page], { type: 'text/html' }), `${name}.html`);
}

/** Saves the animated model and the sound. */
export function saveModel(recording: Recording, name: string, glb: ArrayBuffer): void {
  download(new Blob([animated(glb, recording)], { type: 'model/gltf-binary' }), `${name}.glb`);
  download(new Blob([wav(recording)], { type: 'audio/wav' }), `${name}.wav`);
}

/** As `solami/headset/page.py` writes it. */
function document_(recording: Recording, name: string, glb: ArrayBuffer): object {
  const { root, rot, face, voice, user, captions, states } = recording;
  return {
    character: name,
    fps: 30,
    avatar_glb_b64: base64(glb),
    audio: { rate: RATE_HZ, pcm16_b64: base64(voice.buffer), user_pcm16_b64: base64(user.buffer) },
    pose: { root_f32_b64: base64(root.buffer), rot_i16_b64: base64(rot.buffer) },
    face_u8_b64: base64(face.buffer),
    captions: captions.map((c) => ({ t0_ms: c.fromMs, t1_ms: c.toMs, who: c.who, text: c.text })),
    events: states.map((s) => ({ t_ms: s.ms, kind: 'state', detail: s.state })),
    numbers: { length_s: recording.frames / 30 },
  };
}

function base64(data: ArrayBufferLike): string {
  const bytes = new Uint8Array(data);
  let text = '';
  for (let i = 0; i < bytes.length; i += 32_768) text += String.fromCharCode(...bytes.subarray(i, i + 32_768));
  return btoa(text);
}

/** 16-bit stereo: the user on the left, the character on the right. */
export function wav({ voice, user }: Pick<Recording, 'voice' | 'user'>): ArrayBuffer {
  const out = new ArrayBuffer(44 + 4 * voice.length);
  const view = new DataView(out);
  const text = (at: number, s: string): void => [...s].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  text(0, 'RIFF');
  view.setUint32(4, out.byteLength - 8, true);
  text(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 2, true);
  view.setUint32(24, RATE_HZ, true);
  view.setUint32(28, RATE_HZ * 4, true);
  view.setUint16(32, 4, true);
  view.setUint16(34, 16, true);
  text(36, 'data');
  view.setUint32(40, 4 * voice.length, true);
  for (let i = 0; i < voice.length; i++) {
    view.setInt16(44 + 4 * i, user[i] ?? 0, true);
    view.setInt16(46 + 4 * i, voice[i], true);
  }
  return out;
}

function download(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
