import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// `npm run dev` serves the page and passes the API on to a gateway that runs beside it.
const gateway = process.env.PGFEED_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  base: '/',
  plugins: [react()],
  resolve: {
    // As in tsconfig.json: the packages' own names stand for their sources.
    alias: [
      { find: /^@pgfeed\/client$/, replacement: source('lib/realtime/index.ts') },
      { find: /^@pgfeed\/client\/testing$/, replacement: source('lib/realtime/testing/index.ts') },
      { find: '@pgfeed/react/pgfeed.css', replacement: source('components/pgfeed.css') },
      { find: /^@pgfeed\/react$/, replacement: source('components/index.ts') },
    ],
  },
  server: {
    proxy: {
      '/api': gateway,
      '/demo/tenants': gateway,
      '/demo/login': gateway,
      '/demo/activity': gateway,
      '/demo/notification': gateway,
    },
  },
  build: {
    outDir: 'dist',
    sourcemap: false,
    // Inlined assets would be data: URLs, which the page's Content-Security-Policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        // The folder is committed and embedded in the binary: names without hashes keep its history readable.
        entryFileNames: 'assets/[name].js',
        chunkFileNames: 'assets/[name].js',
        assetFileNames: 'assets/[name][extname]',
      },
    },
  },
  test: {
    include: ['{lib,components,demo,examples}/**/*.test.{ts,tsx}'],
    restoreMocks: true,
  },
});
