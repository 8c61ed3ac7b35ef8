import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// `npm run dev` serves the page and passes the API on to a gateway that runs beside it.
const gateway = process.env.PGFEED_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  base: '/',
  plugins: [react()],
  server: {
    proxy: {
      '/api': gateway,
      '/demo/tenants': gateway,
      '/demo/login': gateway,
      '/demo/activity': gateway,
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
    include: ['{lib,components,demo}/**/*.test.{ts,tsx}'],
    restoreMocks: true,
  },
});
