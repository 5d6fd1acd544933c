import { bench, describe } from 'vitest';
import { decodeColumns } from './columns';
import { encodeColumns } from './encode.testing';
import { layOut } from './layout';
import { sandwich } from './sandwich';
import { matchedValue, searchNames } from './search';
import { syntheticTree } from './synthetic';
import { sortedRows, totalsByName } from './table';

for (const nodes of [10_000, 100_000])
  describe(`${nodes} nodes`, () => {
    const columns = syntheticTree(nodes, nodes / 12, 7);
    const bytes = encodeColumns(columns);
    const layout = layOut(columns);
    const totals = totalsByName(columns, columns.names.length);
    bench('decode', () => void decodeColumns(bytes));
    bench('lay out', () => void layOut(columns));
    bench('search and share', () => {
      const search = searchNames(columns.names, 'json.*7')!;
      matchedValue(columns, layout.end, search.matches);
    });
    bench('table', () => void totalsByName(columns, columns.names.length));
    bench('sort', () => void sortedRows(totals, columns.names, 0, 'self', true, null));
    bench('sandwich', () => void sandwich(columns, 5));
  });
