import AxeBuilder from '@axe-core/playwright';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { artifacts, clearDrawn, drawnTexts, expect, flame, framePoint, row, test } from './fixture';
import { cpuProfile } from './pprof';
import { CHECKOUT_MS, checkout, PROFILES, push, startServer } from './server';

const checkoutPage = '/?service=checkout';
const total = (PROFILES * CHECKOUT_MS) / 1000; // seconds

async function open(page: Page, address = checkoutPage) {
  await page.goto(address);
  await expect(flame(page).locator('canvas')).toBeVisible();
}

test('shows the pushed functions in the table and draws them', async ({ page }) => {
  await open(page);
  await expect(row(page, 'parse_json')).toContainText('6 s');
  await expect(page.locator('.flame-toolbar .total')).toHaveText(`Total ${total} s`);
  for (const name of ['main', 'serve_http', 'handle_checkout', 'parse_json', 'query_database', 'walk_tree'])
    await expect.poll(() => drawnTexts(page)).toContain(name);
  const pixels = await flame(page).locator('canvas').evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, 60);
    const colours = new Set<number>();
    for (let i = 0; i < data.length; i += 4) colours.add((data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!);
    return colours.size;
  });
  expect(pixels).toBeGreaterThan(3);
  await expect(page.locator('.timeline canvas')).toBeVisible();
  await expect(page).toHaveTitle('checkout · CPU time · Cresset');
  mkdirSync(artifacts, { recursive: true });
  await page.screenshot({ path: join(artifacts, 'explore-light.png') });
});

test('a recursive function counts once', async ({ page }) => {
  await open(page);
  await expect(row(page, 'walk_tree').getByRole('cell').nth(2)).toHaveText('4 s');
  await expect(row(page, 'walk_tree').getByRole('cell').nth(1)).toHaveText('0 s');
});

test('sorts the table', async ({ page }) => {
  await open(page);
  const first = page.locator('.table-body .name').first();
  await expect(first).toHaveText('parse_json');
  await page.getByRole('button', { name: 'Total', exact: true }).click();
  await expect(first).toHaveText('main');
  await page.getByRole('button', { name: 'Function', exact: true }).click();
  await expect(first).toHaveText('collect_garbage');
  await expect(page.getByRole('columnheader', { name: 'Function' })).toHaveAttribute('aria-sort', 'ascending');
  await expect(page).toHaveURL(/sort=name/);
});

test('searches by regular expression, and literally', async ({ page }) => {
  await open(page);
  await page.keyboard.press('/');
  await expect(page.getByLabel('Search functions')).toBeFocused();
  await page.keyboard.type('^(parse|query)_');
  await expect(page.locator('.match')).toHaveText('65.0 % in 2 functions');
  await expect(row(page, 'parse_json')).toBeVisible();
  await expect(row(page, 'main')).toHaveCount(0);
  await expect(page).toHaveURL(/search=/);
  await page.getByLabel('Search functions').fill('json(');
  await expect(page.locator('.match')).toContainText('No match');
  await page.keyboard.press('Escape');
  await expect(row(page, 'main')).toBeVisible();
});

test('hovering tells a frame’s numbers', async ({ page }) => {
  await open(page);
  const point = await framePoint(page, 'flame', 0.5, 1);
  await page.mouse.move(point.x, point.y);
  const tooltip = page.locator('.tooltip');
  await expect(tooltip).toBeVisible();
  await expect(tooltip).toContainText('main');
  await expect(tooltip).toContainText(`${total} s (100 %)`);
  await expect(tooltip).toContainText('20,000,000,000 nanoseconds');
  await page.mouse.move(2, 2);
  await expect(tooltip).toBeHidden();
});

test('zooms by click, shows the way back, and the back button undoes it', async ({ page }) => {
  await open(page);
  await page.getByRole('button', { name: 'query_database', exact: true }).click();
  await expect(page.getByRole('navigation', { name: 'Zoomed frame' })).toContainText('35.0 %');
  await expect(page).toHaveURL(/focus=query_database/);
  await clearDrawn(page);
  await page.getByRole('button', { name: 'Refresh', exact: true }).click();
  await expect(page.getByRole('navigation', { name: 'Zoomed frame' })).toContainText('query_database');
  await expect.poll(() => drawnTexts(page)).toContain('wait_for_reply');
  expect(await drawnTexts(page)).not.toContain('collect_garbage');
  await page.getByRole('navigation', { name: 'Zoomed frame' }).getByRole('button', { name: 'handle_checkout' }).click();
  await expect(page).toHaveURL(/focus=handle_checkout/);
  await page.goBack();
  await expect(page).toHaveURL(/focus=query_database/);
  await page.getByRole('button', { name: 'Reset zoom' }).click();
  await expect(page).not.toHaveURL(/focus=/);
  const point = await framePoint(page, 'flame', 0.5, 2);
  await page.mouse.click(point.x, point.y);
  await expect(page).toHaveURL(/focus=serve_http/);
});

test('the keyboard moves, zooms and opens the menu', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await open(page);
  await flame(page).focus();
  const spoken = flame(page).getByRole('status');
  await page.keyboard.press('ArrowDown');
  await expect(spoken).toContainText('total');
  for (const name of ['main', 'serve_http', 'handle_checkout', 'query_database']) {
    await page.keyboard.press('ArrowDown');
    await expect(spoken).toContainText(name);
  }
  await page.keyboard.press('ArrowLeft');
  await expect(spoken).toContainText('parse_json');
  await page.keyboard.press('ArrowUp');
  await expect(spoken).toContainText('handle_checkout');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/focus=handle_checkout/);
  await page.keyboard.press('Shift+F10');
  await expect(page.getByRole('menu')).toBeVisible();
  await page.getByRole('menuitem', { name: 'Copy' }).press('Enter');
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('handle_checkout');
  await flame(page).focus();
  await page.keyboard.press('Escape');
  await expect(page).not.toHaveURL(/focus=/);
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog')).toBeVisible();
});

test('the sandwich merges callers and callees', async ({ page }) => {
  await open(page);
  await row(page, 'escape_html').hover();
  await page.getByRole('button', { name: 'Sandwich of escape_html' }).click();
  await expect(page.locator('.sandwich-bar')).toContainText('4 s · 20.0 %');
  await expect(page.getByRole('application', { name: /^Callers of escape_html/ })).toBeVisible();
  await clearDrawn(page);
  await page.setViewportSize({ width: 1400, height: 900 });
  await expect.poll(() => drawnTexts(page)).toContain('render_template');
  expect(await drawnTexts(page)).not.toContain('parse_json');
  await page.reload();
  await expect(page.locator('.sandwich-bar')).toContainText('escape_html');
  await page.getByRole('button', { name: 'Close the sandwich' }).click();
  await expect(flame(page)).toBeVisible();
});

test('the context menu acts on its frame', async ({ page }) => {
  await open(page);
  const point = await framePoint(page, 'flame', 0.5, 2);
  await page.mouse.click(point.x, point.y, { button: 'right' });
  await expect(page.getByRole('menu', { name: 'Actions for serve_http' })).toBeVisible();
  await page.getByRole('menuitem', { name: 'Search for this function' }).click();
  await expect(page.getByLabel('Search functions')).toHaveValue('^serve_http$');
  await expect(page.locator('.match')).toHaveText('90.0 % in 1 function');
});

test('everything selected, or what lies below the zoomed frame, can be downloaded', async ({ page }) => {
  await open(page);
  const download = async (menu: string, item: string) => {
    await page.getByRole('button', { name: menu, exact: true }).click();
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: item }).click()]);
    return { name: file.suggestedFilename(), content: readFileSync(await file.path()) };
  };
  const collapsed = await download('Download', 'Collapsed');
  expect(collapsed.name).toMatch(/^process_cpu-cpu-\d+\.collapsed\.txt$/);
  const lines = collapsed.content.toString().trim().split('\n');
  expect(lines).toContain(`main;collect_garbage ${(PROFILES * 100 * 1e6).toString()}`);
  expect(lines.length).toBe(Object.keys(checkout).length);
  expect([...(await download('Download', 'pprof')).content.subarray(0, 2)]).toEqual([0x1f, 0x8b]);
  expect(JSON.parse((await download('Download', 'speedscope')).content.toString())).toHaveProperty('profiles');
  expect((await download('Download', 'DOT')).content.toString()).toContain('digraph');
  expect((await download('Download', 'perf script')).content.toString()).toContain('collect_garbage');
  await page.getByRole('button', { name: 'query_database', exact: true }).click();
  const below = await download('Download what lies below the zoomed frame', 'Collapsed');
  expect(below.content.toString().trim().split('\n').map((line) => line.replace(/ \d+$/, '').replace(/.*;/, '')).sort()).toEqual(['tcp_sendmsg', 'wait_for_reply']);
  await page.getByRole('button', { name: /^Download/ }).press('Enter');
  await expect(page.getByRole('menuitem', { name: 'pprof' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('button', { name: /^Download/ })).toBeFocused();
});

test.describe('when the server refuses a download', () => {
  test.use({ expectedErrors: [/status of 503/] });
  test('its words are shown', async ({ page }) => {
    await open(page);
    await page.route('**/api/v1/export*', (route) => route.fulfill({ status: 503, json: { code: 'unavailable', message: 'too many queries at once' } }));
    await page.getByRole('button', { name: 'Download', exact: true }).click();
    await page.getByRole('menuitem', { name: 'pprof' }).click();
    await expect(page.getByRole('alert')).toHaveText('too many queries at once');
  });
});

test('the timeline follows the zoomed frame', async ({ page }) => {
  await open(page);
  const timeline = page.getByRole('region', { name: 'Timeline', exact: true });
  const mean = async () => Number(/mean ([\d.]+) cores/.exec((await timeline.textContent())!)![1]);
  await expect(timeline.getByRole('heading')).toHaveText('CPU cores');
  const whole = await mean();
  await page.getByRole('button', { name: 'query_database', exact: true }).click();
  await expect(timeline.getByRole('heading')).toHaveText('CPU cores of query_database');
  await expect(timeline).toHaveAttribute('aria-busy', 'false');
  await expect.poll(async () => (await mean()) / whole).toBeCloseTo(0.35, 0.5);
  await expect(timeline.getByRole('img')).toHaveAttribute('aria-label', /^CPU cores of query_database from/);
  await page.reload();
  await expect(timeline.getByRole('heading')).toHaveText('CPU cores of query_database');
  await page.getByRole('button', { name: 'Reset zoom' }).click();
  await expect(timeline.getByRole('heading')).toHaveText('CPU cores');
  await expect.poll(mean).toBe(whole);
});

test('an address restores everything', async ({ page }) => {
  await open(page, `${checkoutPage}&search=json&focus=handle_checkout~0&align=right&split=flame&from=now-30m`);
  await expect(page.getByLabel('Search functions')).toHaveValue('json');
  await expect(page.getByRole('navigation', { name: 'Zoomed frame' })).toContainText('handle_checkout');
  await expect(page.getByRole('button', { name: 'Show the end of names' })).toHaveAttribute('aria-pressed', 'true');
  await expect(page.getByRole('table')).toHaveCount(0);
  await expect(page.getByText('Last 30 minutes')).toBeVisible();
  await expect(page.getByRole('combobox', { name: 'Service' })).toHaveValue('checkout');
});

test('pickers narrow the profile', async ({ page }) => {
  await open(page, '/');
  await expect(row(page, 'add_item')).toBeVisible();
  await expect(row(page, 'parse_json')).toBeVisible();
  await page.getByRole('combobox', { name: 'Service' }).click();
  await expect(page.getByRole('option')).toContainText(['All services', 'checkout', 'cart']); // the largest first
  await page.keyboard.type('car');
  await page.keyboard.press('Enter');
  await expect(row(page, 'parse_json')).toHaveCount(0);
  await expect(page).toHaveURL(/service=cart/);
  await page.getByRole('combobox', { name: 'Tenant' }).click();
  await page.getByRole('option', { name: 'other' }).click();
  await expect(row(page, 'foreign_work')).toBeVisible();
  await expect(row(page, 'add_item')).toHaveCount(0);
  await page.goBack();
  await expect(row(page, 'add_item')).toBeVisible();
});

test('labels are completed from the server', async ({ page }) => {
  await open(page, '/');
  await page.getByRole('button', { name: 'Add label' }).click();
  await expect(page.getByRole('option', { name: 'pod', exact: true })).toBeVisible();
  await page.keyboard.type('pod');
  await page.keyboard.press('Enter');
  await page.getByRole('option', { name: 'cart-0' }).click();
  await expect(row(page, 'parse_json')).toHaveCount(0);
  await expect(row(page, 'add_item')).toBeVisible();
  await page.getByRole('button', { name: /^Remove pod/ }).click();
  await expect(row(page, 'parse_json')).toBeVisible();
});

test('dragging over the timeline selects a range', async ({ page }) => {
  await open(page);
  const box = (await page.locator('.timeline .u-over').boundingBox())!;
  await page.mouse.move(box.x + box.width * 0.9, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.99, box.y + 50, { steps: 4 });
  await page.mouse.up();
  await expect(page).toHaveURL(/from=\d{13}&until=\d{13}/);
  await page.getByRole('button', { name: 'Zoom out' }).click();
  await page.goBack();
  await page.goBack();
  await expect(page).not.toHaveURL(/from=/);
});

for (const [width, text] of [[1440, 'wide'], [560, 'narrow'], [360, 'very narrow']] as const)
  test(`what opens stays inside of a ${text} window`, async ({ page }) => {
    await page.setViewportSize({ width, height: 900 });
    await open(page);
    await page.getByRole('button', { name: 'Last hour' }).click();
    const box = (await page.getByRole('dialog', { name: 'Time range' }).boundingBox())!;
    expect(box.x).toBeGreaterThanOrEqual(0);
    expect(box.x + box.width).toBeLessThanOrEqual(width);
  });

test('the range can be typed', async ({ page }) => {
  await open(page);
  await page.getByRole('button', { name: 'Last hour' }).click();
  await page.getByRole('textbox', { name: 'From' }).fill('tomorrow');
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect(page.getByRole('dialog')).toContainText('“tomorrow” is no time');
  await page.getByRole('textbox', { name: 'From' }).fill('now-2h');
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect(page).toHaveURL(/from=now-2h/);
});

test.describe('with bad labels', () => {
  test.use({ expectedErrors: [/status of 400/] });
  test('the server’s words stand beside the field', async ({ page }) => {
    await page.goto(`${checkoutPage}&labels=${encodeURIComponent('{pod=~"("}')}`);
    await expect(page.locator('.field-error')).not.toBeEmpty();
    await page.getByRole('button', { name: 'Remove the labels' }).click();
    await expect(row(page, 'parse_json')).toBeVisible();
  });
});

test('a range without data says so', async ({ page }) => {
  await page.goto('/?from=1600000000000&until=1600003600000');
  await expect(page.getByRole('heading', { name: 'No profiles in this time range' })).toBeVisible();
  await page.getByRole('button', { name: 'Go to the newest hour of data' }).click();
  await expect(row(page, 'parse_json')).toBeVisible();
});

test('a tenant without data says how to begin', async ({ page }) => {
  await page.goto('/?tenant=nobody');
  await expect(page.getByText('cresset-agent --server')).toBeVisible();
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']).analyze();
  expect(violations).toEqual([]);
});

test('the first profile of a tenant appears by itself', async ({ page, server }) => {
  await page.goto('/?tenant=newcomer');
  await expect(page.getByText('Waiting for the first profile')).toBeVisible();
  await push(server.url, 'newcomer', { __name__: 'process_cpu', service_name: 'first' }, [cpuProfile({ 'start;first_work': 5_000_000 }, Date.now() - 1000, 1)]);
  await expect(row(page, 'first_work')).toBeVisible();
  await expect(page.getByRole('combobox', { name: 'Tenant' })).toHaveValue('newcomer');
});

test('labels that match nothing say so, and can be taken back', async ({ page }) => {
  await page.goto(`${checkoutPage}&labels=${encodeURIComponent('{pod="nowhere"}')}`);
  await expect(page.getByRole('heading', { name: 'No profile matches' })).toBeVisible();
  await page.getByRole('button', { name: 'Remove the labels' }).click();
  await expect(row(page, 'parse_json')).toBeVisible();
});

test('the selector can be written as text', async ({ page }) => {
  await open(page, '/');
  await page.getByRole('button', { name: 'Edit the labels as text' }).click();
  await page.getByLabel('Label selector').fill('pod=~"cart.*"');
  await page.keyboard.press('Enter');
  await expect(row(page, 'add_item')).toBeVisible();
  await expect(row(page, 'parse_json')).toHaveCount(0);
  await expect(page.getByRole('button', { name: /^Remove pod=~cart/ })).toBeVisible();
});

test('the address of another page says so', async ({ page, server }) => {
  const response = await page.request.get(`${server.url}/assets/nothing.js`);
  expect(response.status()).toBe(404);
  await page.goto('/nowhere');
  await expect(page.getByRole('heading', { name: 'There is no such page' })).toBeVisible();
  await page.getByRole('link', { name: 'Explore profiles' }).click();
  await expect(flame(page)).toBeVisible();
});

test.describe('without the server', () => {
  test.use({ expectedErrors: [/ERR_CONNECTION_REFUSED/] });
  test('the page says that it retries, and comes back by itself', async ({ page }) => {
    const first = await startServer();
    const port = Number(new URL(first.url).port);
    await page.goto(`${first.url}/?tenant=nobody`);
    await expect(page.getByText('cresset-agent --server')).toBeVisible();
    await first.stop();
    await page.getByRole('button', { name: 'Refresh', exact: true }).click();
    await expect(page.getByRole('alert')).toContainText('The server does not answer. Retrying');
    const second = await startServer(port);
    await expect(page.getByRole('alert')).toHaveCount(0);
    await second.stop();
  });
});

for (const colorScheme of ['light', 'dark'] as const)
  test.describe(`in ${colorScheme} colours`, () => {
    test.use({ colorScheme });
    for (const [name, address] of [
      ['explore', checkoutPage], ['sandwich', `${checkoutPage}&sandwich=walk_tree`], ['search', `${checkoutPage}&search=json&focus=main~0`],
    ] as const)
      test(`${name} has no accessibility violation`, async ({ page }) => {
        await page.goto(address);
        await expect(row(page, 'parse_json')).toBeVisible();
        const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']).analyze();
        expect(violations).toEqual([]);
        mkdirSync(artifacts, { recursive: true });
        await page.screenshot({ path: join(artifacts, `${name}-${colorScheme}.png`) });
      });
    test('open pickers have no accessibility violation', async ({ page }) => {
      await open(page);
      for (const button of ['Last hour', 'Add label', 'Download']) {
        await page.getByRole('button', { name: button }).click();
        const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']).analyze();
        expect(violations).toEqual([]);
        await page.keyboard.press('Escape');
      }
    });
  });

test.describe('of a profile with more frames than the page asks for', () => {
  test.beforeAll(async ({ server }) => {
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`run;group_${i % 3};f_${i}`, 1_000_000 * (100 + i)]));
    await push(server.url, 'wide', { __name__: 'process_cpu', service_name: 'wide' }, [cpuProfile(many, Date.now() - 60_000, 15)]);
  });
  const wide = '/?tenant=wide&nodes=32&sort=total';

  test('more can be asked for', async ({ page }) => {
    await open(page, wide);
    await page.getByLabel('Search functions').fill('^f_0$');
    await expect(page.locator('.match')).toHaveText('No match');
    await page.getByRole('button', { name: 'largest frames' }).click();
    await expect(page.getByRole('button', { name: 'largest frames' })).toHaveCount(0);
    await expect(page.locator('.match')).toContainText('in 1 function');
  });

  test('the table is exact, and so is its search', async ({ page }) => {
    await open(page, wide);
    await expect(row(page, 'run').getByRole('cell').nth(2)).toHaveText('7.77 s');
    await page.getByLabel('Search functions').fill('^F_[03]$');
    await expect(row(page, 'f_0').getByRole('cell').nth(1)).toHaveText('100 ms');
    await expect(row(page, 'f_3').getByRole('cell').nth(1)).toHaveText('103 ms');
    await expect(row(page, 'run')).toHaveCount(0);
    await expect(row(page, 'other')).toHaveCount(0);
    await page.getByRole('button', { name: 'Total', exact: true }).click();
    await expect(page.locator('.table-body .name').first()).toHaveText('f_0');
    await page.getByLabel('Search functions').fill('f_0(');
    await expect(page.getByText('No function matches the search.')).toBeVisible();
  });

  test.describe('searched by what the server cannot read', () => {
    test.use({ expectedErrors: [/status of 400/] });
    test('the table says so, and shows what the page has', async ({ page }) => {
      await open(page, wide);
      await page.getByLabel('Search functions').fill('^(?=group_)');
      await expect(page.getByRole('alert')).toContainText('parameter regex');
      await expect(row(page, 'group_0')).toBeVisible();
      await expect(row(page, 'run')).toHaveCount(0);
    });
  });

  test('a zoomed frame has all its callees, and keeps them', async ({ page }) => {
    await open(page, wide);
    await expect.poll(() => drawnTexts(page)).toContain('group_0');
    expect(await drawnTexts(page)).not.toContain('f_0');
    await page.getByRole('button', { name: 'group_0', exact: true }).click();
    await expect.poll(() => drawnTexts(page)).toContain('f_0');
    await page.getByLabel('Search functions').fill('f_0');
    await page.getByRole('button', { name: 'f_0', exact: true }).click();
    const zoomed = page.getByRole('navigation', { name: 'Zoomed frame' });
    await expect(zoomed.locator('[aria-current]')).toHaveText('f_0');
    await expect(zoomed).toContainText('100 ms · 1.29 %');
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.url().includes('call_site=group_0')),
      page.getByRole('button', { name: 'Refresh', exact: true }).click(),
    ]);
    expect(answer.ok()).toBe(true);
    await expect(zoomed.locator('[aria-current]')).toHaveText('f_0');
    await page.getByRole('button', { name: 'Reset zoom' }).click();
    await expect(zoomed).toContainText('7.77 s · 100 %');
  });

  test('a click on what was folded zooms to its caller, which has it', async ({ page }) => {
    await open(page, wide);
    await page.getByRole('button', { name: 'group_2', exact: true }).click();
    await page.getByRole('button', { name: 'Reset zoom' }).click();
    await flame(page).focus();
    const spoken = flame(page).getByRole('status');
    for (const [key, name] of [['Down', 'total'], ['Down', 'run'], ['Down', 'group_2'], ['Left', 'group_1'], ['Left', 'group_0'], ['Down', 'other']] as const) {
      await page.keyboard.press(`Arrow${key}`);
      await expect(spoken).toContainText(name);
    }
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL(/focus=group_0/);
    await expect.poll(() => drawnTexts(page)).toContain('f_0');
  });

  test('the sandwich has every caller', async ({ page }) => {
    await page.goto(`${wide}&sandwich=f_0`);
    await expect(page.locator('.sandwich-bar')).toContainText('100 ms · 1.29 %');
    await expect.poll(() => drawnTexts(page)).toContain('group_0');
    await page.goto(`${wide}&sandwich=nothing`);
    await expect(page.getByText('This function does not occur in the range')).toBeVisible();
  });
});

test('the theme can be chosen and is kept', async ({ page }) => {
  await open(page);
  await page.getByRole('button', { name: /^Theme: system/ }).click();
  await page.getByRole('button', { name: /^Theme: light/ }).click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
});
