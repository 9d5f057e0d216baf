/** Names on Kaggle. The launcher (containers/kaggle/launch.py) looks for them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Datasets: our code with its dependencies, Node, and the records, which the user uploads. */
export const SOURCE = 'gw-src-code';
export const RUNTIME = 'gw-node-runtime';
export const RECORDS = 'g2net-preprocessed-tfrecords';
export const COMPETITION = 'g2net-gravitational-wave-detection';

/** Writes the metadata for `kaggle datasets create`: https://github.com/Kaggle/kaggle-api/wiki/Dataset-Metadata */
export async function describeDataset(folder: string, user: string, name: string): Promise<void> {
  await writeJson(join(folder, 'dataset-metadata.json'), {
    title: name,
    id: `${user}/${name}`,
    // Kaggle's list of license names has no MIT.
    licenses: [{ name: 'other' }],
  });
}

export async function writeJson(file: string, value: unknown): Promise<void> {
  await writeFile(file, `${JSON.stringify(value, undefined, 2)}\n`);
}
