/** Lists the objects at locations in the emulated cloud, and copies reports to a local folder for the browser. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { useLocalCloud } from '../../src/cloud/local-stage.ts';
import { visible } from '../../src/core/visible.ts';
import { openStore } from '../../src/storage/open.ts';
import { ROOT } from './cloud.ts';

useLocalCloud(process.env);
const reports = join(ROOT, '.chirpline/local/reports');
const copies: string[] = [];
for (const location of process.argv.slice(2)) {
  const store = openStore(location);
  for await (const { key, size } of store.list('')) {
    console.log(`${String(size).padStart(10)}  ${visible(store.location + key)}`);
    if (!key.endsWith('report.html')) continue;
    mkdirSync(reports, { recursive: true });
    const file = join(reports, `${location.split('/').at(-1)}.html`);
    writeFileSync(file, await store.read(key));
    copies.push(file);
  }
}
for (const file of copies) console.log(`\nThe report: ${file}`);
