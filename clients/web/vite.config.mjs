import { defineConfig } from 'vite';

export default defineConfig({
  base: './',
  build: {
    target: 'es2020',
    // The page's policy allows files of its own host only: nothing inline, no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    reportCompressedSize: false,
  },
  server: {
    // `npm run dev` beside a bridge on its usual port. Its Origin check wants its own name.
    proxy: {
      '/ws': { target: 'http://127.0.0.1:5178', ws: true, headers: { origin: 'http://127.0.0.1:5178' } },
    },
  },
});
