import AxeBuilder from '@axe-core/playwright';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { test as base } from './fixture';
import { artifacts, clearDrawn, drawnTexts, expect, flame, framePoint, row } from './fixture';
import { cpuProfile } from './pprof';
import { checkout, push, toNanoseconds } from './server';

/** The service in its second version: less JSON, a slower query, a cache that is new, no collector. */
const second: Record<string, number> = {
  'main;serve_http;handle_checkout;parse_json': 100,
  'main;serve_http;handle_checkout;query_database;tcp_sendmsg': 250,
  'main;serve_http;handle_checkout;query_database;wait_for_reply': 700,
  'main;serve_http;handle_checkout': 50,
  'main;serve_http;handle_checkout;read_cache;hash_key': 700,
  'main;serve_http;render_template;walk_tree;walk_tree;walk_tree;escape_html': 120,
  'main;serve_http;render_template;walk_tree;escape_html': 80,
};
const PROFILES = 8;

// Both versions in the last minutes, and the first one alone before; the server takes profiles of the last hour.
const test = base.extend<object, { releases: void }>({
  releases: [
    async ({ server }, use) => {
      const labels = (version: string) => ({ __name__: 'process_cpu', service_name: 'checkout', version });
      const times = Array.from({ length: PROFILES }, (_, i) => Date.now() - 30_000 - i * 15_000);
      const profiles = (stacks: Record<string, number>, back: number) => times.map((time) => cpuProfile(toNanoseconds(stacks), time - back, 15));
      await push(server.url, 'release', labels('v1'), profiles(checkout, 0));
      await push(server.url, 'release', labels('v2'), profiles(second, 0));
      await push(server.url, 'release', labels('v1'), profiles(checkout, 45 * 60_000));
      await use();
    },
    { scope: 'worker', auto: true },
  ],
});

const checkoutOnly = '/compare?tenant=release&service=checkout';
const all = `${checkoutOnly}&from=now-40m`;
const versions = `${all}&baseline=same&labels=${encodeURIComponent('{version="v2"}')}&leftLabels=${encodeURIComponent('{version="v1"}')}`;
const cells = (page: Page, name: string) => row(page, name).getByRole('cell');

async function open(page: Page, address: string) {
  await page.goto(address);
  await expect(flame(page).locator('canvas')).toBeVisible();
}

test('is reached from the explore view with what is shown there, and leads back', async ({ page }) => {
  await open(page, '/?tenant=release&service=checkout&from=now-40m&search=json');
  await page.getByRole('link', { name: 'Compare' }).click();
  await expect(page.getByRole('region', { name: 'Baseline' }).locator('.side-head b')).toHaveText('8 s');
  await expect(page.getByRole('region', { name: 'Comparison' }).locator('.side-head b')).toHaveText('24 s');
  await expect(page.getByLabel('Search functions')).toHaveValue('json');
  for (const side of ['Baseline', 'Comparison'])
    await expect(page.getByRole('region', { name: side }).getByRole('combobox', { name: 'Service' })).toHaveValue('checkout');
  await expect(page).toHaveTitle('checkout · CPU time · comparison · Cresset');
  await page.getByRole('link', { name: 'Explore' }).click();
  await expect(page.getByText('now-40m to now')).toBeVisible();
  await expect(row(page, 'parse_json')).toBeVisible();
});

test('compares the values of a label by share', async ({ page }) => {
  await open(page, all);
  await page.getByRole('button', { name: 'Split by a label' }).click();
  await page.getByRole('combobox', { name: 'Label', exact: true }).fill('version');
  await page.keyboard.press('Enter');
  await page.getByRole('combobox', { name: 'Value of the baseline' }).click();
  await page.getByRole('option', { name: 'v1' }).click();
  await page.getByRole('combobox', { name: 'Value of the comparison' }).click();
  await page.getByRole('option', { name: 'v2' }).click();
  await page.getByRole('button', { name: 'Compare', exact: true }).click();
  await expect(page).toHaveURL(/baseline=same/);
  // v1: 300 of 1000 ms a profile, v2: 100 of 2000 ms.
  await expect(cells(page, 'parse_json').nth(1)).toHaveText('30.0 %');
  await expect(cells(page, 'parse_json').nth(2)).toHaveText('5.00 %');
  await expect(cells(page, 'parse_json').nth(3)).toHaveText('−25.0 pp');
  await expect(cells(page, 'read_cache').nth(3)).toHaveText('+35.0 pp');
  await expect(cells(page, 'collect_garbage').nth(2)).toHaveText('0 %');
  await expect(cells(page, 'parse_json').nth(3)).toHaveAttribute('title', 'share: −83 %, value: −67 %');
  await page.reload();
  await expect(cells(page, 'parse_json').nth(3)).toHaveText('−25.0 pp');
});

test('the table sorts by each column, totals and self values', async ({ page }) => {
  await open(page, versions);
  const first = page.locator('.table-body .name').first();
  await expect(first).toHaveText('hash_key'); // +35 points, as read_cache, but before it by name
  await page.getByRole('button', { name: 'Change' }).click();
  await expect(first).toHaveText('parse_json');
  await page.getByRole('button', { name: 'Baseline', exact: true }).click();
  await expect(first).toHaveText('main');
  await page.getByRole('button', { name: 'Self', exact: true }).click();
  await expect(first).toHaveText('parse_json');
  await expect(row(page, 'main')).toHaveCount(0);
  await page.getByRole('button', { name: 'Function', exact: true }).click();
  await expect(first).toHaveText('collect_garbage');
  await expect(page).toHaveURL(/measure=self/);
  await expect(page).toHaveURL(/order=name/);
});

test('frames are as wide as both shares, and tell them', async ({ page }) => {
  await open(page, versions);
  for (const text of ['parse_json', '−25.0 pp', 'read_cache', '+35.0 pp']) await expect.poll(() => drawnTexts(page)).toContain(text);
  const point = await framePoint(page, 'flame', 0.02, 1);
  await page.mouse.move(point.x, point.y);
  const tooltip = page.locator('.tooltip');
  await expect(tooltip).toContainText('main');
  await expect(tooltip.getByRole('row', { includeHidden: true }).nth(1)).toHaveText('Total8 s16 s+100 %');
  await expect(tooltip.getByRole('row', { includeHidden: true }).nth(2)).toHaveText('of all100 %100 %0 pp');
  await expect(page.locator('.legend')).toContainText('smaller share');
});

test('zooms by click and keyboard, and searches', async ({ page }) => {
  await open(page, versions);
  await page.getByRole('button', { name: 'query_database', exact: true }).click();
  await expect(page.getByRole('navigation', { name: 'Zoomed frame' })).toContainText('35.0 % → 47.5 %');
  for (const side of ['baseline', 'comparison'])
    await expect(page.getByRole('region', { name: `Timeline of the ${side}` }).getByRole('heading')).toHaveText('CPU cores of query_database');
  await clearDrawn(page);
  await page.getByRole('button', { name: 'Refresh', exact: true }).click();
  await expect.poll(() => drawnTexts(page)).toContain('wait_for_reply');
  await flame(page).focus();
  await page.keyboard.press('ArrowDown');
  await expect(flame(page).getByRole('status')).toContainText('query_database, baseline 2.80 s, 35.0 %, comparison 7.60 s, 47.5 %, change +12.5 pp');
  await page.keyboard.press('Escape');
  await expect(page).not.toHaveURL(/focus=/);
  await page.keyboard.press('/');
  await page.keyboard.type('^(parse|query)_');
  await expect(page.locator('.match')).toHaveText('65.0 % → 52.5 % in 2 functions');
  await expect(row(page, 'main')).toHaveCount(0);
});

test('a zoomed frame has all its callees, where the whole has too many', async ({ page, server }) => {
  const many = (factor: number) => Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`run;group_${i % 3};f_${i}`, 1_000_000 * (i === 0 ? factor : 1) * (100 + i)]));
  for (const [version, factor] of [['v1', 1], ['v2', 2]] as const)
    await push(server.url, 'wide-release', { __name__: 'process_cpu', service_name: 'checkout', version }, [cpuProfile(many(factor), Date.now() - 60_000, 15)]);
  await open(page, `${versions.replace('release', 'wide-release')}&nodes=32`);
  await expect.poll(() => drawnTexts(page)).toContain('group_0');
  expect(await drawnTexts(page)).not.toContain('f_0');
  await page.getByRole('button', { name: 'group_0', exact: true }).click();
  await expect.poll(() => drawnTexts(page)).toContain('f_0');
  await expect(cells(page, 'f_0').nth(1)).toHaveText('1.29 %');
  await expect(cells(page, 'f_0').nth(2)).toHaveText('2.54 %');
  await clearDrawn(page);
  await row(page, 'f_0').hover();
  await page.getByRole('button', { name: 'Sandwich of f_0' }).click();
  await expect(page.locator('.sandwich-bar')).toContainText('1.29 % → 2.54 %');
  for (const text of ['group_0', 'run']) await expect.poll(() => drawnTexts(page)).toContain(text);
});

test('the sandwich merges callers and callees of both sides', async ({ page }) => {
  await open(page, versions);
  await row(page, 'query_database').hover();
  await page.getByRole('button', { name: 'Sandwich of query_database' }).click();
  await expect(page.locator('.sandwich-bar')).toContainText('35.0 % → 47.5 %');
  await clearDrawn(page);
  await page.setViewportSize({ width: 1400, height: 900 });
  // wait_for_reply: 100 of 1000 ms, then 700 of 2000.
  for (const text of ['handle_checkout', 'wait_for_reply', '+25.0 pp', '−12.5 pp']) await expect.poll(() => drawnTexts(page)).toContain(text);
  expect(await drawnTexts(page)).not.toContain('parse_json');
  const callees = page.getByRole('application', { name: /^Functions called by query_database/ });
  await callees.focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await expect(callees.getByRole('status')).toContainText('wait_for_reply, baseline 800 ms, 10.0 %, comparison 5.60 s, 35.0 %, change +25.0 pp');
  await page.reload();
  await expect(page.locator('.sandwich-bar')).toContainText('35.0 % → 47.5 %');
  await page.getByRole('button', { name: 'read_cache', exact: true }).click(); // new: on one side only
  await expect(page.locator('.sandwich-bar')).toContainText('0 % → 35.0 %');
  await expect(page.getByRole('application', { name: /^Callers of read_cache/ })).toBeVisible();
  await page.getByRole('button', { name: 'Close the sandwich' }).click();
  await expect(flame(page)).toBeVisible();
  await expect(page).not.toHaveURL(/sandwich=/);
});

test('both profiles and the table of functions can be downloaded', async ({ page }) => {
  await open(page, versions);
  const download = async (menu: string, item: string) => {
    await page.getByRole('button', { name: menu, exact: true }).click();
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: item }).click()]);
    return { name: file.suggestedFilename(), text: readFileSync(await file.path(), 'utf8') };
  };
  const csv = await download('Download', 'Table of functions as CSV');
  expect(csv.name).toMatch(/^comparison-process_cpu-cpu-\d+\.csv$/);
  const lines = csv.text.split('\r\n');
  expect(lines[0]).toBe('function,baseline self (nanoseconds),baseline total (nanoseconds),comparison self (nanoseconds),comparison total (nanoseconds)');
  expect(lines).toContain('parse_json,2400000000,2400000000,800000000,800000000');
  expect(lines).toContain('read_cache,0,0,0,5600000000');
  const json = await download('Download', 'Table of functions as JSON');
  expect(JSON.parse(json.text)).toMatchObject({ leftTotal: '8000000000', rightTotal: '16000000000' });
  const left = await download('Download', 'Baseline: Collapsed');
  expect(left.name).toMatch(/^baseline-process_cpu-cpu-\d+\.collapsed\.txt$/);
  expect(left.text).toContain(`main;collect_garbage ${PROFILES * 100 * 1e6}\n`);
  const right = await download('Download', 'Comparison: Collapsed');
  expect(right.text).toContain(`read_cache;hash_key ${PROFILES * 700 * 1e6}\n`);
  expect(right.text).not.toContain('collect_garbage');
  await page.getByRole('button', { name: 'query_database', exact: true }).click();
  const below = await download('Download what lies below the zoomed frame', 'Table of functions as CSV');
  expect(below.text.trim().split('\r\n').slice(1).map((line) => line.replace(/,.*/, '')).sort()).toEqual(
    ['handle_checkout', 'main', 'query_database', 'serve_http', 'tcp_sendmsg', 'wait_for_reply']);
});

test('the baseline has other ranges and labels of its own', async ({ page }) => {
  await open(page, all);
  const baseline = page.getByRole('region', { name: 'Baseline' });
  const comparison = page.getByRole('region', { name: 'Comparison' });
  await expect(baseline.locator('.side-head b')).toHaveText('8 s');
  await baseline.getByLabel('Time of the baseline', { exact: true }).selectOption('A week earlier');
  await expect(page.getByText('No profile matches the baseline: everything is new.')).toBeVisible();
  await baseline.getByLabel('Time of the baseline', { exact: true }).selectOption('The same range');
  await expect(baseline.locator('.side-head b')).toHaveText('24 s');
  await baseline.getByRole('button', { name: 'Add label' }).click();
  await page.keyboard.type('version');
  await page.keyboard.press('Enter');
  await page.getByRole('option', { name: 'v1' }).click();
  await expect(baseline.locator('.side-head b')).toHaveText('8 s');
  await expect(comparison.locator('.side-head b')).toHaveText('24 s');
  await page.getByRole('button', { name: 'Swap the sides' }).click();
  await expect(baseline.locator('.side-head b')).toHaveText('24 s');
  await expect(comparison.locator('.side-head b')).toHaveText('8 s');
  await baseline.getByLabel('Time of the baseline', { exact: true }).selectOption('Its own range');
  await expect(page).toHaveURL(/leftFrom=\d{13}&leftUntil=\d{13}/);
});

test('sides without any profile say so', async ({ page }) => {
  await page.goto(`${checkoutOnly}&from=1600000000000&until=1600003600000&type=process_cpu:cpu:nanoseconds:cpu:nanoseconds`);
  await expect(page.getByRole('heading', { name: 'No profile matches on either side' })).toBeVisible();
  await page.goto(`${checkoutOnly}&from=1600000000000&until=1600003600000`);
  await expect(page.getByRole('heading', { name: 'No profiles in these time ranges' })).toBeVisible();
  await page.goto(`${all}&baseline=own&leftFrom=soon&leftUntil=now`);
  await page.getByRole('button', { name: 'Compare with the range before' }).click();
  await expect(row(page, 'parse_json')).toBeVisible();
});

test.describe('with bad labels', () => {
  test.use({ expectedErrors: [/status of 400/] });
  test('the server’s words stand beside the field of their side', async ({ page }) => {
    await page.goto(`${all}&leftLabels=${encodeURIComponent('{pod=~"("}')}`);
    await expect(page.getByRole('region', { name: 'Baseline' }).locator('.field-error')).toContainText('closing parenthesis');
    await expect(page.getByRole('region', { name: 'Comparison' }).locator('.field-error')).toHaveCount(0);
    await expect(page.getByRole('heading', { name: 'The server cannot compare these' })).toBeVisible();
    await page.getByRole('button', { name: /^Remove pod/ }).click();
    await expect(row(page, 'parse_json')).toBeVisible();
  });
});

for (const colorScheme of ['light', 'dark'] as const)
  test.describe(`in ${colorScheme} colours`, () => {
    test.use({ colorScheme });
    for (const [name, more] of [['compare', ''], ['compare-sandwich', '&sandwich=query_database']] as const)
      test(`${name} has no accessibility violation, wide and narrow`, async ({ page }) => {
        await page.goto(`${versions}${more}`);
        await expect(row(page, 'parse_json')).toBeVisible();
        await expect(page.locator('.flame-scroll canvas').first()).toBeVisible();
        mkdirSync(artifacts, { recursive: true });
        for (const [width, height] of [[1440, 900], [600, 1100]] as const) {
          await page.setViewportSize({ width, height });
          const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']).analyze();
          expect(violations).toEqual([]);
          await page.screenshot({ path: join(artifacts, `${name}-${colorScheme}-${width}.png`) });
        }
      });
  });
