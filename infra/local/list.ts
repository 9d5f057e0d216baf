/** `list.ts DATASET`: lists its records and its models in the emulated cloud, and copies reports to a local folder for the browser. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { locateDataset } from '../../src/cloud/dataset.ts';
import { openStage } from '../../src/cloud/deployed-stage.ts';
import { visible } from '../../src/core/visible.ts';
import { openStore } from '../../src/storage/open.ts';
import { ROOT } from './cloud.ts';

const [, , dataset = ''] = process.argv;
const { bucket } = await openStage('local');
const { records, models } = locateDataset(bucket, dataset);
const reports = join(ROOT, '.chirpline/local/reports');
const copies: string[] = [];
for (const location of [records, models]) {
  const store = openStore(location);
  for await (const { key, size } of store.list('')) {
    console.log(`${String(size).padStart(10)}  ${visible(store.location + key)}`);
    if (!key.endsWith('report.html')) continue;
    mkdirSync(reports, { recursive: true });
    const file = join(reports, `${dataset}.html`);
    writeFileSync(file, await store.read(key));
    copies.push(file);
  }
}
for (const file of copies) console.log(`\nThe report: ${file}`);
