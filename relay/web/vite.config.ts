import { defineConfig, type Plugin } from 'vite';

/** Puts script and style into the page itself, so that it opens from disk: modules do not load from file://. */
function inlined(): Plugin {
  return {
    name: 'inlined',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const page = Object.values(bundle).find((f) => f.fileName.endsWith('.html'));
      if (!page || page.type !== 'asset') throw new Error('no html in the bundle');
      let html = String(page.source).replace(/\s*<link rel="(modulepreload|stylesheet)"[^>]*>/g, '');
      html = html.replace(/\s*<script type="module"[^>]*><\/script>/, '');
      for (const file of Object.values(bundle)) {
        if (file === page) continue;
        // a function as replacement, for `$&` in minified code is no pattern of ours
        if (file.type === 'chunk') {
          const code = file.code.replaceAll('</script', '<\\/script');
          html = html.replace('</body>', () => `<script type="module">${code}</script>\n</body>`);
        } else {
          html = html.replace('</head>', () => `<style>${String(file.source)}</style>\n</head>`);
        }
        delete bundle[file.fileName];
      }
      page.source = html;
    },
  };
}

export default defineConfig({
  base: './',
  plugins: [inlined()],
  build: {
    target: 'es2022',
    outDir: '../../solami/headset/templates',
    emptyOutDir: false,
    modulePreload: false,
    cssCodeSplit: false,
    chunkSizeWarningLimit: 1500,
    rolldownOptions: { input: 'turn.html' },
  },
});
