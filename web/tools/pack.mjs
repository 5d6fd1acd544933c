// pack.mjs DIST OUT: writes OUT/files/ (every file of DIST, and its .br and .gz forms where they
// are smaller) and OUT/web.gresource.xml, the list that glib-compile-resources bundles.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const [dist, out] = process.argv.slice(2);
if (!dist || !out) {
  console.error('usage: pack.mjs DIST OUT');
  process.exit(2);
}

const brotli = (bytes) =>
  brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? files(path) : [path];
  });
}

const target = join(out, 'files');
rmSync(target, { recursive: true, force: true });
const names = [];
function write(name, bytes) {
  const path = join(target, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  names.push(name);
}

for (const path of files(dist).sort()) {
  const name = relative(dist, path);
  const bytes = readFileSync(path);
  write(name, bytes);
  if (/\.(png|woff2|ico)$/.test(name)) continue;
  const forms = { '.br': brotli(bytes), '.gz': gzipSync(bytes, { level: 9 }) };
  for (const [suffix, form] of Object.entries(forms)) if (form.length < bytes.length) write(name + suffix, form);
}

const escape = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
const list = names.map((name) => `    <file>${escape(name)}</file>\n`).join('');
writeFileSync(
  join(out, 'web.gresource.xml'),
  `<?xml version="1.0" encoding="UTF-8"?>\n<gresources>\n  <gresource prefix="/cresset">\n${list}  </gresource>\n</gresources>\n`,
);
