import AxeBuilder from '@axe-core/playwright';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { artifacts, drawnTexts, expect, flame, row, test as base } from './fixture';
import { cpuProfile } from './pprof';
import { checkout, push, toNanoseconds } from './server';

const MINUTE = 60_000;
const text = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
const object = (kind: string, namespace: string, name: string) => ({ kind, namespace, name });

function finding(severity: string, fingerprint: string, of: ReturnType<typeof object>, title: string, more: object = {}) {
  return { check: 'crashloop-oom', severity, object: of, since: null, title, cause: '', evidence: [], fix: [], explains: [], fingerprint, ...more };
}

async function report(url: string, cluster: string, clock: number, findings: object[], unverified: object[] = [], tenant = 'ops') {
  const response = await fetch(`${url}/api/v1/findings`, {
    method: 'POST', headers: { 'X-Scope-OrgID': tenant }, body: JSON.stringify({ cluster, clock: text(clock), findings, unverified }),
  });
  if (!response.ok) throw new Error(`report: ${response.status} ${await response.text()}`);
}

// Two clusters: one finding became worse, one is over, one has profiles in the hour when it began.
const test = base.extend<object, { reports: void }>({
  reports: [
    async ({ server }, use) => {
      const now = Date.now();
      const parser = (severity: string) => finding(severity, '0a01', object('Deployment', 'ingest', 'parser'), 'Deployment parser: runs out of memory again and again', {
        since: text(now - 20 * MINUTE),
        cause: 'Container parser takes more memory than its limit of 256Mi allows.',
        evidence: ['23 restarts; the last run ended with exit code 137', 'Service parser sends traffic to these pods'],
        changes: ['3 min before: ConfigMap settings was changed by kubectl-edit'],
        links: [{ label: 'Runbook', url: 'https://wiki.example.com/crashloop-oom' }],
        note: 'The cache may have no bound.',
        fix: ['Raise the memory limit above what it needs.', 'kubectl -n ingest logs --previous -c parser parser-6598586d5f-bz752'],
        explains: [{ check: 'service-no-ready-endpoints', object: object('Service', 'ingest', 'parser') }],
      });
      const node = finding('medium', '0b02', object('Node', '', 'worker-1'), 'Node worker-1 has little disk space', { check: 'node-disk-pressure' });
      const over = finding('low', '0c03', object('Ingress', 'shop', 'front'), 'Ingress front names a Service that there is not');
      await report(server.url, 'prod', now - 19 * MINUTE, [parser('high'), node, over]);
      await report(server.url, 'prod', now - MINUTE, [parser('critical'), node],
        [{ check: 'secrets', object: object('Secret', '', ''), reason: '403' }]);
      await report(server.url, 'test', now - MINUTE, [finding('info', '0d04', object('Pod', 'shop', 'web-0'), 'Pod web-0 has no limits')]);
      await report(server.url, 'prod', now - MINUTE, [{ ...node, title: 'Node worker-1 is away' }], [], 'dev');
      const times = Array.from({ length: 4 }, (_, i) => now - 18 * MINUTE - i * 15_000);
      await push(server.url, 'ops', { __name__: 'process_cpu', service_name: 'ingest/parser', namespace: 'ingest', pod: 'parser-6598586d5f-bz752' },
        times.map((at) => cpuProfile(toNanoseconds(checkout), at, 15)));
      await use();
    },
    { scope: 'worker', auto: true },
  ],
});

const items = (page: Page) => page.getByRole('region', { name: 'List of findings' }).getByRole('button');
const details = (page: Page) => page.getByRole('region', { name: 'Finding', exact: true });
const title = (page: Page) => details(page).getByRole('heading', { level: 2 }).first();

async function open(page: Page, more = '') {
  await page.goto(`/findings?tenant=ops${more}`);
  await expect(items(page).first()).toBeVisible();
}

test('is reached from the header, and lists the worst first', async ({ page }) => {
  await page.goto('/?tenant=ops');
  await page.getByRole('link', { name: 'Findings' }).click();
  await expect(items(page)).toHaveText([/^criticalDeployment parser.*Deployment ingest\/parser · prod20 min$/, /^medium.*Node worker-1 · prod/, /^info.*test/]);
  await expect(page).toHaveTitle('Findings · Cresset');
  await expect(page.getByRole('list', { name: 'Last reports' })).toHaveText(/prod 2 open, reported \d+ s ago, 1 thing not seen.*test 1 open/);
});

test('tells why, what to do, and how it went', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await open(page);
  await expect(title(page)).toHaveText('critical Deployment parser: runs out of memory again and again');
  for (const words of ['limit of 256Mi allows', '23 restarts', 'Raise the memory limit', 'Service ingest/parser', 'changed from high to critical', 'opened as high',
    'AI note, not verified: The cache may have no bound.', '3 min before: ConfigMap settings was changed by kubectl-edit'])
    await expect(details(page)).toContainText(words);
  await expect(details(page).getByRole('link', { name: 'Runbook' })).toHaveAttribute('href', 'https://wiki.example.com/crashloop-oom');
  await details(page).getByRole('button', { name: /^Copy: kubectl/ }).click();
  await expect(details(page).getByText('Copied')).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('kubectl -n ingest logs --previous -c parser parser-6598586d5f-bz752');
});

test('a link to a finding that is over by now leads to it', async ({ page }) => {
  await open(page, '&cluster=prod&finding=0c03');
  await expect(title(page)).toHaveText('low Ingress front names a Service that there is not');
  await expect(items(page)).toHaveCount(2);
});

test('the flame graph of the object stands beside it, of the time when it began', async ({ page }) => {
  await open(page);
  await expect(flame(page).locator('canvas')).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Profiles of Deployment ingest/parser' })).toBeVisible();
  await expect.poll(() => drawnTexts(page)).toContain('parse_json');
  await expect(page.locator('.total')).toHaveText('Total 4 s');
  await page.getByRole('button', { name: 'parse_json', exact: true }).click();
  await expect(page.getByRole('navigation', { name: 'Zoomed frame' })).toContainText('30.0 %');
  await page.getByRole('link', { name: 'Explore these' }).click();
  await expect(row(page, 'parse_json')).toBeVisible();
  await expect(page.locator('.chip').first()).toContainText('namespace');
});

test('says where there are no profiles', async ({ page }) => {
  await open(page, '&finding=0b02');
  await expect(page.getByText('There are no profiles of Node worker-1 in this time.')).toBeVisible();
});

test('filters by severity, cluster, namespace and text', async ({ page }) => {
  await open(page);
  await page.getByLabel('Severity').selectOption('medium or worse');
  await expect(items(page)).toHaveCount(2);
  await page.keyboard.press('Escape');
  await page.locator('h1').click();
  await page.keyboard.press('/');
  await page.keyboard.type('disk worker');
  await expect(items(page)).toHaveText([/worker-1/]);
  await expect(page).toHaveURL(/severity=medium/);
  await page.reload();
  await expect(items(page)).toHaveText([/worker-1/]);
  await page.getByLabel('Text').fill('no such thing');
  await page.getByRole('button', { name: 'Show all' }).click();
  await expect(items(page)).toHaveCount(3);
  await page.getByRole('combobox', { name: 'Cluster' }).click();
  await page.getByRole('option', { name: 'test' }).click();
  await expect(items(page)).toHaveText([/web-0/]);
  await page.getByRole('combobox', { name: 'Cluster' }).click();
  await page.getByRole('option', { name: 'All clusters' }).click();
  await page.getByRole('combobox', { name: 'Namespace' }).click();
  await page.getByRole('option', { name: 'ingest' }).click();
  await expect(items(page)).toHaveText([/parser/]);
});

test('an incident is found by the name that it has in messages', async ({ page }) => {
  await open(page, '&finding=0b02');
  await expect(details(page)).toContainText('#0b02');
  await page.getByLabel('Text').fill('#0b02');
  await expect(items(page)).toHaveText([/worker-1/]);
});

test('findings of several tenants stand side by side, each its own', async ({ page }) => {
  await page.goto('/findings?tenant=ops|dev');
  await expect(items(page)).toHaveCount(4);
  await expect(page.getByRole('list', { name: 'Last reports' })).toHaveText(/prod · dev.*prod · ops/);
  await page.getByRole('combobox', { name: 'Cluster' }).click();
  await expect(page.getByRole('listbox').getByRole('option')).toHaveText(['All clusters', 'prod', 'test']);
  await page.keyboard.press('Escape');
  for (const [tenant, words] of [['dev', 'is away'], ['ops', 'has little disk space']] as const) {
    await items(page).filter({ hasText: `prod · ${tenant}` }).filter({ hasText: 'worker-1' }).click();
    await expect(title(page)).toContainText(words);
    await page.reload();
    await expect(title(page)).toContainText(words);
  }
  await page.goto('/findings?tenant=dev');
  await expect(items(page)).toHaveText([/is away/]);
});

test('resolved ones are shown when they are asked for', async ({ page }) => {
  await open(page);
  await expect(page.getByText('Ingress front')).toHaveCount(0);
  await page.getByLabel('Resolved too').click(); // the address follows, and then the box
  await expect(page.getByLabel('Resolved too')).toBeChecked();
  await page.getByRole('button', { name: /Ingress front/ }).click();
  await expect(details(page)).toContainText('Resolved');
  await expect(details(page).locator('.history')).toContainText('resolved');
});

test('the list is gone through by keyboard', async ({ page }) => {
  await open(page);
  await items(page).first().focus();
  await page.keyboard.press('ArrowDown');
  await expect(items(page).nth(1)).toBeFocused();
  await expect(items(page).nth(1)).toHaveAttribute('aria-current', 'true');
  await expect(title(page)).toContainText('worker-1');
  await page.keyboard.press('ArrowUp');
  await expect(title(page)).toContainText('parser');
});

test('tells how to begin where nothing was reported', async ({ page }) => {
  await page.goto('/findings?tenant=nobody');
  await expect(page.getByText('cresset-analyzer run --cluster NAME --findings-url')).toBeVisible();
});

for (const colorScheme of ['light', 'dark'] as const)
  test.describe(`in ${colorScheme} colours`, () => {
    test.use({ colorScheme });
    test('has no accessibility violation, wide and narrow', async ({ page }) => {
      await open(page, '&resolved=1');
      await expect(flame(page).locator('canvas')).toBeVisible();
      mkdirSync(artifacts, { recursive: true });
      for (const [width, height] of [[1440, 900], [600, 1100]] as const) {
        await page.setViewportSize({ width, height });
        const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']).analyze();
        expect(violations).toEqual([]);
        await page.screenshot({ path: join(artifacts, `findings-${colorScheme}-${width}.png`) });
      }
    });
  });
