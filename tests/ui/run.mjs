// run.mjs [PLAYWRIGHT ARGUMENTS]: runs the tests of the page, for ctest.
// Environment: CRESSET_SERVER (the program) or CRESSET_URL (a page that is served already, for
// --project=live), CHROMIUM and NPM (optional), CRESSET_TEST_OUTPUT (a folder).
// Exit code 77: something that the tests need is absent; the reason is printed.
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const skip = (reason) => {
  console.log(`skipped: ${reason}`);
  process.exit(77);
};

const isProgram = (path) => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

function findChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const name of ['chromium', 'chromium-browser', 'google-chrome'])
    for (const folder of (process.env.PATH ?? '').split(delimiter)) if (isProgram(join(folder, name))) return join(folder, name);
  return skip('there is no Chromium on the path; install chromium or set CHROMIUM');
}

function installPackages() {
  const lock = join(here, 'package-lock.json');
  const stamp = join(here, 'node_modules/.package-lock.json');
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= statSync(lock).mtimeMs) return;
  // NPM is the one that the build found: beside a Node inside a Python package there is none that runs.
  const beside = join(dirname(process.execPath), 'npm');
  const npm = process.env.NPM ?? (isProgram(beside) ? beside : 'npm');
  try {
    execFileSync(npm, ['ci', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: here, stdio: 'inherit', env: { ...process.env, PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD: '1' },
    });
  } catch {
    skip('npm ci of tests/ui failed: no package registry and no cache');
  }
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) skip(`Node ${process.versions.node} is older than 20.19`);
const chromium = findChromium();
installPackages();
if (!process.env.CRESSET_URL && !isProgram(process.env.CRESSET_SERVER ?? '')) {
  console.error('CRESSET_SERVER must name the cresset-server program, or CRESSET_URL a running one');
  process.exit(2);
}
const result = spawnSync(process.execPath, [join(here, 'node_modules/@playwright/test/cli.js'), 'test', ...process.argv.slice(2)], {
  cwd: here, stdio: 'inherit', env: { ...process.env, CHROMIUM: chromium },
});
process.exit(result.status ?? 1);
