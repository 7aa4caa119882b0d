/** A recording written into the character's own GLB as an animation. Source: glTF 2.0 specification (Khronos), 3.11, 4. */

import type { Recording } from './recorder.ts';
import { FACE_COUNT, JOINT_COUNT, JOINTS } from './skeleton.ts';

const JSON_CHUNK = 0x4e4f534a;
const BIN_CHUNK = 0x004e4942;
const FLOAT = 5126;

interface Gltf {
  nodes: { name?: string; mesh?: number }[];
  meshes: { primitives: { targets?: unknown[] }[] }[];
  buffers: { byteLength: number }[];
  bufferViews: object[];
  accessors: object[];
  animations?: object[];
}

/** Returns the GLB with one animation: hips, 55 rotations, 52 face weights at 30 frames a second. */
export function animated(glb: ArrayBuffer, recording: Recording): ArrayBuffer {
  const view = new DataView(glb);
  const jsonBytes = view.getUint32(12, true);
  if (view.getUint32(0, true) !== 0x46546c67 || view.getUint32(16, true) !== JSON_CHUNK) throw new Error('not a GLB');
  const gltf = JSON.parse(new TextDecoder().decode(new Uint8Array(glb, 20, jsonBytes))) as Gltf;
  const binAt = 20 + jsonBytes + 8;
  const parts: Uint8Array[] = [new Uint8Array(glb, binAt, view.getUint32(binAt - 8, true))];
  let size = parts[0].byteLength;

  const accessor = (data: Float32Array, type: string, count: number, bounds?: [number, number]): number => {
    const pad = new Uint8Array((4 - (size % 4)) % 4);
    gltf.bufferViews.push({ buffer: 0, byteOffset: size + pad.length, byteLength: data.byteLength });
    parts.push(pad, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    size += pad.length + data.byteLength;
    const extra = bounds ? { min: [bounds[0]], max: [bounds[1]] } : {};
    gltf.accessors.push({ bufferView: gltf.bufferViews.length - 1, componentType: FLOAT, count, type, ...extra });
    return gltf.accessors.length - 1;
  };

  const { frames } = recording;
  const times = Float32Array.from({ length: frames }, (_, i) => i / 30);
  const input = accessor(times, 'SCALAR', frames, [0, times[frames - 1]]);
  const samplers: object[] = [];
  const channels: object[] = [];
  const channel = (node: number, path: string, output: number): void => {
    samplers.push({ input, output, interpolation: 'LINEAR' });
    channels.push({ sampler: samplers.length - 1, target: { node, path } });
  };
  JOINTS.forEach((name, j) => {
    const node = gltf.nodes.findIndex((n) => n.name === name);
    if (node < 0) return;
    if (j === 0) channel(node, 'translation', accessor(recording.root, 'VEC3', frames));
    channel(node, 'rotation', accessor(rotations(recording.rot, j, frames), 'VEC4', frames));
  });
  const weights = Float32Array.from(recording.face, (v) => v / 255);
  gltf.nodes.forEach((node, i) => {
    const targets = node.mesh === undefined ? 0 : (gltf.meshes[node.mesh].primitives[0].targets?.length ?? 0);
    if (targets === FACE_COUNT) channel(i, 'weights', accessor(weights, 'SCALAR', frames * FACE_COUNT));
  });
  gltf.animations = [{ name: 'recording', samplers, channels }];
  return container(gltf, parts, size);
}

/** One joint's track, each frame on the same side as the one before, so that players need not think. */
function rotations(all: Int16Array, joint: number, frames: number): Float32Array {
  const out = new Float32Array(frames * 4);
  for (let f = 0; f < frames; f++) {
    const at = (f * JOINT_COUNT + joint) * 4;
    let dot = 0;
    let norm = 0;
    for (let i = 0; i < 4; i++) {
      norm += all[at + i] ** 2;
      if (f) dot += all[at + i] * out[4 * (f - 1) + i];
    }
    const scale = (dot < 0 ? -1 : 1) / Math.sqrt(norm || 1);
    for (let i = 0; i < 4; i++) out[4 * f + i] = norm ? all[at + i] * scale : Number(i === 3);
  }
  return out;
}

function container(gltf: Gltf, parts: Uint8Array[], size: number): ArrayBuffer {
  const binBytes = size + ((4 - (size % 4)) % 4);
  gltf.buffers[0].byteLength = binBytes;
  const text = new TextEncoder().encode(JSON.stringify(gltf));
  const jsonBytes = text.length + ((4 - (text.length % 4)) % 4);
  const out = new ArrayBuffer(12 + 8 + jsonBytes + 8 + binBytes);
  const view = new DataView(out);
  const bytes = new Uint8Array(out);
  [0x46546c67, 2, out.byteLength, jsonBytes, JSON_CHUNK].forEach((v, i) => view.setUint32(4 * i, v, true));
  bytes.set(text, 20);
  bytes.fill(0x20, 20 + text.length, 20 + jsonBytes);
  view.setUint32(20 + jsonBytes, binBytes, true);
  view.setUint32(24 + jsonBytes, BIN_CHUNK, true);
  let at = 28 + jsonBytes;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return out;
}
