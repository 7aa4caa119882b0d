/** The light around a character, for shiny surfaces: the stage's sky and a softbox, already blurred for each roughness.
 *
 * Blurring takes a GPU a moment, and a processor that stands in for one five seconds. So it was done once: the bytes are
 * what three's PMREMGenerator made of `check/bake.ts`, written by `check/bake.py`. To be made again when three or the sky
 * changes.
 */

import { CubeTexture, DataTexture, LinearFilter, LinearMipmapLinearFilter, SRGBColorSpace } from 'three';
import made from './environment.json';

/** Returns the cube with its levels, and the factor by which it is darker than what it shows. */
export function environment(): { texture: CubeTexture; brightest: number } {
  const bytes = Uint8Array.from(atob(made.rgb), (c) => c.charCodeAt(0));
  let at = 0;
  const levels = made.sizes.map((size) => {
    const kept = Math.min(size, made.kept);
    return Array.from({ length: 6 }, () => {
      const face = bytes.subarray(at, (at += 3 * kept * kept));
      return new DataTexture(enlarged(face, kept, size), size, size);
    });
  });
  const texture = new CubeTexture(levels[0] as never[]);
  texture.mipmaps = levels.slice(1).map((image) => ({ image })) as never[];
  texture.colorSpace = SRGBColorSpace;
  texture.magFilter = LinearFilter;
  texture.minFilter = LinearMipmapLinearFilter;
  texture.generateMipmaps = false;
  texture.flipY = false;
  texture.isPMREMTexture = true;
  texture.needsUpdate = true;
  return { texture, brightest: made.brightest };
}

/** RGB of `from` pixels a side as RGBA of `to`, linearly between the pixels' centres. */
function enlarged(rgb: Uint8Array, from: number, to: number): Uint8Array {
  const out = new Uint8Array(4 * to * to).fill(255);
  const place = Array.from({ length: to }, (_, i) => Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5)));
  for (let y = 0; y < to; y++) {
    const top = Math.floor(place[y]);
    const below = Math.min(from - 1, top + 1);
    const v = place[y] - top;
    for (let x = 0; x < to; x++) {
      const left = Math.floor(place[x]);
      const right = Math.min(from - 1, left + 1);
      const u = place[x] - left;
      for (let c = 0; c < 3; c++) {
        const upper = rgb[3 * (top * from + left) + c] * (1 - u) + rgb[3 * (top * from + right) + c] * u;
        const lower = rgb[3 * (below * from + left) + c] * (1 - u) + rgb[3 * (below * from + right) + c] * u;
        out[4 * (y * to + x) + c] = Math.round(upper * (1 - v) + lower * v);
      }
    }
  }
  return out;
}
