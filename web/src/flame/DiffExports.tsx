// Files of a comparison: the table of functions with both sides, and the profile of each side.
import { type DiffRequest, getExport, getFunctionsDiff } from '../api/client';
import { parseProfileType } from '../state/format';
import { functionsCsv } from './csv';
import { type Download, Downloads } from './Downloads';
import { exportFormats } from './Exports';

interface Props {
  tenant: string;
  request: DiffRequest;
}

const sides = [['left', 'Baseline'], ['right', 'Comparison']] as const;

export function DiffExports({ tenant, request }: Props) {
  const { type, callSite = [] } = request;
  const table = async (format: 'csv' | 'json', write: (functions: Awaited<ReturnType<typeof getFunctionsDiff>>) => string) => ({
    content: new Blob([write(await getFunctionsDiff(tenant, request))], { type: format === 'csv' ? 'text/csv' : 'application/json' }),
    name: `comparison-${type.split(':', 2).join('-')}-${request.right.range.until}.${format}`,
  });
  const items: Download[] = [
    { text: 'Table of functions as CSV', make: () => table('csv', (functions) => functionsCsv(functions, parseProfileType(type).unit)) },
    { text: 'Table of functions as JSON', make: () => table('json', (functions) => JSON.stringify(functions)) },
    ...sides.flatMap(([side, title]) => exportFormats.map(([format, text]) => ({
      text: `${title}: ${text}`,
      make: async () => {
        const { content, name } = await getExport(tenant, { type, ...request[side], callSite }, format);
        return { content, name: `${title.toLowerCase()}-${name}` };
      },
    }))),
  ];
  return <Downloads below={callSite.length > 0} items={items} />;
}
