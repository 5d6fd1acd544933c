// The page of a server that runs already, with the profiles of a real program in it: what a user does to see it.
// Environment: CRESSET_URL (the page), CRESSET_SERVICE and CRESSET_FUNCTIONS (of the program, comma-separated),
// CRESSET_ARTIFACTS (a folder for the screenshot).
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { clearDrawn, drawnTexts, expect, flame, row, watchedTest as test } from './fixture';

const wanted = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} must be set`);
  return value;
};

test('the functions of a real program are in its flame graph', async ({ page }) => {
  const functions = wanted('CRESSET_FUNCTIONS').split(',');
  const service = wanted('CRESSET_SERVICE');
  await page.goto(wanted('CRESSET_URL'));
  await page.getByRole('combobox', { name: 'Service' }).click();
  await page.keyboard.type(service);
  await page.getByRole('option').filter({ hasText: service }).first().click();
  await expect(page).toHaveURL(new RegExp(`service=${service}`));
  await expect(page).toHaveTitle(new RegExp(service));
  for (const name of functions) await expect(row(page, name)).toBeVisible();
  await expect(page.locator('.timeline canvas')).toBeVisible();

  // Zoomed in on from the table, each comes into sight, is drawn, and is where the keyboard stands.
  const zoomed = page.getByRole('navigation', { name: 'Zoomed frame' });
  for (const name of functions) {
    await clearDrawn(page);
    await row(page, name).getByRole('button', { name, exact: true }).click();
    await expect(zoomed.locator('[aria-current]')).toHaveText(name);
    await expect.poll(() => drawnTexts(page)).toContain(name);
    await flame(page).focus();
    await page.keyboard.press('ArrowDown');
    await expect(flame(page).getByRole('status')).toHaveText(new RegExp(`^${name}, total `));
    await page.keyboard.press('Escape');
    await expect(zoomed).toContainText('Whole profile');
    await page.keyboard.press('Escape'); // and lets the keyboard's frame go
    await expect(flame(page).getByRole('status')).toBeEmpty();
  }
  const folder = process.env['CRESSET_ARTIFACTS'] ?? join(import.meta.dirname, '../../artifacts');
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, 'up.png') });
});
