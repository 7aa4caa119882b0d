/** Blurs the stage's surroundings for each roughness; `bake.py` runs it in a browser and keeps the picture. */

import {
  Color, DataUtils, Mesh, MeshBasicMaterial, PMREMGenerator, Scene, SphereGeometry, WebGLRenderer,
} from 'three';
import { sky } from '../src/sky.ts';

/** Returns size and linear RGB of every face, level by level. */
(globalThis as unknown as { bake: () => object }).bake = () => {
  const renderer = new WebGLRenderer();
  const around = new Scene();
  around.add(sky());
  const softbox = new Mesh(new SphereGeometry(2.2, 16, 12), new MeshBasicMaterial({ color: new Color(6, 5.6, 5) }));
  softbox.position.set(-6, 8, 7);
  around.add(softbox);
  const target = new PMREMGenerator(renderer).fromScene(around, 0.03);
  const gl = renderer.getContext() as WebGL2RenderingContext;
  const faces: { size: number; rgb: number[] }[] = [];
  target.texture.mipmaps.forEach((level, lod) => {
    const size = (level as { width: number }).width;
    for (let face = 0; face < 6; face++) {
      renderer.setRenderTarget(target, face, lod);
      const halves = new Uint16Array(4 * size * size);
      gl.readPixels(0, 0, size, size, gl.RGBA, gl.HALF_FLOAT, halves);
      const rgb: number[] = [];
      for (let i = 0; i < halves.length; i++) if (i % 4 < 3) rgb.push(DataUtils.fromHalfFloat(halves[i]));
      faces.push({ size, rgb });
    }
  });
  return faces;
};
