// Folded stacks ("a;b;c VALUE" per line), the text that flame graph tools exchange.
import type { Columns } from './columns';
import { type Layout, pathTo } from './layout';

export function folded(columns: Columns, layout: Layout): string {
  const lines: string[] = [];
  for (let i = 1; i < layout.n; i++) {
    if (!(columns.self[i]! > 0)) continue;
    const path = pathTo(layout, i).slice(1).map((id) => columns.names[columns.label[id]!]!.replaceAll(';', ':').replaceAll('\n', ' '));
    lines.push(`${path.join(';')} ${columns.self[i]}\n`);
  }
  return lines.join('');
}

export function downloadFolded(columns: Columns, layout: Layout) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([folded(columns, layout)], { type: 'text/plain' }));
  link.download = `${columns.meta.profile_type.split(':').slice(0, 2).join('-') || 'profile'}.folded`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
