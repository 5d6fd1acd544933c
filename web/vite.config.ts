import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { notices } from './tools/notices';

// Relative addresses, so that the page also works behind a path prefix.
export default defineConfig({
  base: './',
  plugins: [react(), notices()],
  build: { target: 'es2023', assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 600 },
  worker: { format: 'es' },
  server: {
    proxy: Object.fromEntries(
      ['/querier.v1.QuerierService', '/api/', '/pyroscope/'].map((path) => [
        path,
        process.env['CRESSET_SERVER'] ?? 'http://127.0.0.1:4040',
      ]),
    ),
  },
  // The bound only ends what hangs: a busy machine is slow, not wrong.
  test: { environment: 'node', testTimeout: 120_000, include: ['src/**/*.test.ts'], benchmark: { include: ['src/**/*.bench.ts'] } },
});
