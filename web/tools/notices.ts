// Writes notices.txt: the licences of the packages whose code is in the build.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';

const folderOf = (id: string) => /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id.replace(/^\0/, ''))?.[1];

function noticeOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    name: string; version: string; license?: string;
  };
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? readFileSync(join(folder, file), 'utf8').trim() : '(no licence text in the package)';
  return `${name} ${version} (${license ?? 'licence not stated'})\n\n${text}\n`;
}

export function notices(): Plugin {
  return {
    name: 'cresset-notices',
    apply: 'build',
    generateBundle(_, bundle) {
      const folders = new Set<string>();
      for (const chunk of Object.values(bundle))
        if (chunk.type === 'chunk')
          for (const id of Object.keys(chunk.modules)) {
            const folder = folderOf(id);
            if (folder && existsSync(join(folder, 'package.json'))) folders.add(folder);
          }
      if (folders.size === 0) return; // the worker's own build
      const source = [...folders].sort().map(noticeOf).join(`\n${'-'.repeat(72)}\n\n`);
      this.emitFile({ type: 'asset', fileName: 'notices.txt', source });
    },
  };
}
