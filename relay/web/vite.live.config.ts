import { defineConfig } from 'vite';

/** The live page: `dist/`, which the relay serves at `/`. Avatars are put beside it by `python -m solami.headset.live_page`. */
export default defineConfig({
  root: 'live',
  base: './',
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    outDir: '../dist',
    emptyOutDir: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
  },
});
