import { join } from 'node:path';
import { defineConfig } from '@playwright/test';

const output = process.env['CRESSET_TEST_OUTPUT'] ?? join(import.meta.dirname, '../../build/ui-tests');
const use = { viewport: { width: 1440, height: 900 }, browserName: 'chromium' as const };

export default defineConfig({
  testDir: '.',
  outputDir: join(output, 'results'),
  workers: 1,
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  forbidOnly: !!process.env['CI'],
  reporter: [['list'], ['junit', { outputFile: join(output, 'junit.xml') }]],
  use: {
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? 'chromium',
      args: process.getuid?.() === 0 ? ['--no-sandbox'] : [], // Chromium refuses its sandbox as root
    },
  },
  projects: [
    { name: 'ui', testMatch: '*.spec.ts', testIgnore: 'live.spec.ts', use },
    { name: 'live', testMatch: 'live.spec.ts', use },
    { name: 'bench', testMatch: '*.bench.ts', use },
  ],
});
