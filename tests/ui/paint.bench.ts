// Times of the page with large profiles, beside their goals. The server is real; its answer is replaced by a
// synthetic tree. Prints a table; asserts only that the work was done.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Page } from '@playwright/test';
import { encodeColumns } from '../../web/src/flame/encode.testing';
import { syntheticTree } from '../../web/src/flame/synthetic';
import { expect, flame, framePoint, test } from './fixture';

interface Row {
  what: string;
  ms: number;
  goal: number | null;
  unit?: string;
}

const RUNS = 5;
const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** Longest time from an input to the frame that shows its effect, as the browser's Event Timing sees it. */
async function slowestEvent(page: Page, act: () => Promise<void>): Promise<number> {
  await page.evaluate(() => {
    const w = window as unknown as { slowest: number; observer?: PerformanceObserver };
    w.slowest = 0;
    w.observer?.disconnect();
    w.observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) w.slowest = Math.max(w.slowest, entry.duration);
    });
    w.observer.observe({ type: 'event', durationThreshold: 16 } as PerformanceObserverInit);
  });
  await act();
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 100))));
  return page.evaluate(() => (window as unknown as { slowest: number }).slowest);
}

for (const nodes of [10_000, 100_000])
  test(`a flame graph of ${nodes} nodes`, async ({ page }) => {
    test.setTimeout(180_000);
    const columns = syntheticTree(nodes, nodes / 12, 7);
    const body = Buffer.from(encodeColumns(columns));
    await page.route('**/api/v1/flamegraph?*', (route) => route.fulfill({ body, contentType: 'application/vnd.cresset.flamegraph' }));
    // From the answer's arrival to the second frame after the canvas was drawn.
    await page.addInitScript(() => {
      const w = window as unknown as { arrived: number; painted: number };
      const original = Response.prototype.arrayBuffer;
      Response.prototype.arrayBuffer = async function () {
        const buffer = await original.call(this);
        w.arrived = performance.now();
        w.painted = 0;
        const look = () => {
          const canvas = document.querySelector<HTMLCanvasElement>('#flame canvas');
          if (Number(canvas?.dataset['frames'] ?? 0) > 1) requestAnimationFrame(() => requestAnimationFrame(() => (w.painted = performance.now())));
          else requestAnimationFrame(look);
        };
        look();
        return buffer;
      };
    });
    const paints: number[] = [];
    const draws: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      await page.goto('/');
      await page.waitForFunction(() => (window as unknown as { painted: number }).painted > 0);
      paints.push(await page.evaluate(() => {
        const w = window as unknown as { arrived: number; painted: number };
        return w.painted - w.arrived;
      }));
      draws.push(Number(await flame(page).locator('canvas').getAttribute('data-draw-ms')));
    }
    await expect(page.locator('.table-body .name').first()).toBeVisible();
    const rows: Row[] = [
      { what: 'arrival to painted', ms: median(paints), goal: nodes > 10_000 ? 500 : 200 },
      { what: 'one drawing', ms: median(draws), goal: null },
    ];

    const hover = await slowestEvent(page, async () => {
      for (let i = 1; i < 40; i++) {
        const point = await framePoint(page, 'flame', i / 40, 1 + (i % 8));
        await page.mouse.move(point.x, point.y);
      }
    });
    rows.push({ what: 'hover, slowest event', ms: hover, goal: 50 });
    const point = await framePoint(page, 'flame', 0.5, 1);
    const zoom = await slowestEvent(page, () => page.mouse.click(point.x, point.y));
    await expect(page).toHaveURL(/focus=/);
    rows.push({ what: 'zoom, slowest event', ms: zoom, goal: 50 });
    await page.getByRole('button', { name: 'Reset zoom' }).click();
    await page.getByLabel('Search functions').focus();
    const search = await slowestEvent(page, () => page.keyboard.type('json.*7', { delay: 30 }));
    await expect(page.locator('.match')).toContainText('functions');
    rows.push({ what: 'search, slowest key', ms: search, goal: 100 });
    await page.getByLabel('Search functions').fill('');

    const sandwiches: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const button = page.locator('.row-actions button[title^=Sandwich]').nth(run);
      sandwiches.push(await button.evaluate(async (element: HTMLElement) => {
        const began = performance.now();
        element.click();
        for (;;) {
          await new Promise(requestAnimationFrame);
          if (Number(document.querySelector<HTMLCanvasElement>('#callees canvas')?.dataset['frames'] ?? 0) > 0) break;
        }
        await new Promise(requestAnimationFrame);
        return performance.now() - began;
      }));
      await page.getByRole('button', { name: 'Close the sandwich' }).click();
      await expect(flame(page)).toBeVisible();
    }
    rows.push({ what: 'sandwich, click to painted', ms: median(sandwiches), goal: 300 });
    const client = await page.context().newCDPSession(page);
    await client.send('HeapProfiler.collectGarbage');
    const { usedSize } = (await client.send('Runtime.getHeapUsage')) as { usedSize: number };
    rows.push({ what: 'heap (without arrays)', ms: usedSize / 2 ** 20, goal: 20, unit: 'MiB' });
    report(`${nodes} nodes (${(gzipSync(body).length / 1024).toFixed(0)} KiB gzip)`, rows);
  });

test('the first visit', async ({ page, server }) => {
  const sizes: number[] = [];
  page.on('response', async (response) => {
    if (!response.url().startsWith(server.url) || /querier|api\/v1/.test(response.url())) return;
    sizes.push(gzipSync(await response.body(), { level: 9 }).length);
  });
  await page.goto('/');
  await expect(flame(page).locator('canvas')).toBeVisible();
  const gzip = sizes.reduce((sum, size) => sum + size, 0) / 1024;
  report('first visit', [{ what: `gzip of ${sizes.length} files`, ms: gzip, goal: 200, unit: 'KiB' }]);
  expect(gzip).toBeLessThan(200);
});

const all: Record<string, Row[]> = {};
function report(title: string, rows: Row[]) {
  console.log(`\n${title}`);
  for (const { what, ms, goal, unit = 'ms' } of rows)
    console.log(`  ${what.padEnd(30)} ${ms.toFixed(1).padStart(8)} ${unit}${goal === null ? '' : `   goal ≤ ${goal} ${unit}`}`);
  all[title] = rows;
  const output = process.env['CRESSET_TEST_OUTPUT'];
  if (!output) return;
  mkdirSync(output, { recursive: true });
  writeFileSync(join(output, 'bench.json'), JSON.stringify(all, null, 1));
}
