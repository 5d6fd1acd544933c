// What every test of the page has: the server with its data, and a page that fails on any console error.
import { join } from 'node:path';
import { test as base, expect, type Page } from '@playwright/test';
import { pushFixture, type Server, startServer } from './server';

export const artifacts = join(import.meta.dirname, '../../artifacts/ui');

interface Watched {
  /** Texts of console errors that a test expects. */
  expectedErrors: RegExp[];
  watched: void;
}

/** A page that fails on any console error, of whichever server. */
export const watchedTest = base.extend<Watched>({
  expectedErrors: [[], { option: true }],
  watched: [
    async ({ page, expectedErrors }, use) => {
      const problems: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
      });
      page.on('pageerror', (error) => problems.push(error.message));
      // The canvas cannot be asked for its text, so what is drawn is written down.
      await page.addInitScript(() => {
        const drawn = new Set<string>();
        Object.assign(window, { drawnTexts: drawn });
        const fillText = CanvasRenderingContext2D.prototype.fillText;
        CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
          if (this.canvas.closest('.flame-scroll')) drawn.add(text);
          return fillText.call(this, text, ...rest);
        };
      });
      await use();
      expect(problems.filter((text) => !expectedErrors.some((pattern) => pattern.test(text)))).toEqual([]);
    },
    { auto: true },
  ],
});

export const test = watchedTest.extend<object, { server: Server }>({
  server: [
    async ({}, use) => {
      const server = await startServer();
      await pushFixture(server.url);
      await use(server);
      await server.stop();
    },
    { scope: 'worker', timeout: 60_000 },
  ],
  baseURL: async ({ server }, use) => use(server.url),
});

export { expect };

export const drawnTexts = (page: Page): Promise<string[]> =>
  page.evaluate(() => [...(window as unknown as { drawnTexts: Set<string> }).drawnTexts]);

export const clearDrawn = (page: Page) =>
  page.evaluate(() => (window as unknown as { drawnTexts: Set<string> }).drawnTexts.clear());

export const flame = (page: Page) => page.locator('#flame');

export const row = (page: Page, name: string) => page.getByRole('row').filter({ has: page.getByRole('button', { name, exact: true }) });

/** A point of the flame graph, by share of its width and by level. */
export async function framePoint(page: Page, id: string, share: number, level: number) {
  const box = (await page.locator(`#${id}`).boundingBox())!;
  return { x: box.x + box.width * share, y: box.y + level * 20 + 10 };
}
