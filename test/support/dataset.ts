import { SAMPLE_SIZE } from '../../src/core/strain.ts';
import { encodeNpy } from '../../src/numpy/npy.ts';
import { sampleKey } from '../../src/simulate/layout.ts';
import { createSimulator } from '../../src/simulate/simulator.ts';
import type { ObjectStore } from '../../src/storage/store.ts';

export interface Dataset {
  ids: string[];
  targets: number[];
}

/** Writes simulated samples in Kaggle's layout, with labels in the order of the ids. */
export async function writeDataset(store: ObjectStore, samples: number, seed = 1): Promise<Dataset> {
  const simulator = createSimulator({ seed, snrMedian: 15 });
  const strain = new Float64Array(SAMPLE_SIZE);
  const rows: [string, number][] = [];
  for (let index = 0; index < samples; index += 1) {
    const { id, target } = simulator.sample(index, strain);
    await store.write(sampleKey(id), encodeNpy({ dtype: '<f8', shape: [3, 4096], data: strain }));
    rows.push([id, target]);
  }
  rows.sort(([a], [b]) => (a < b ? -1 : 1));
  await writeLabels(store, rows);
  return { ids: rows.map(([id]) => id), targets: rows.map(([, target]) => target) };
}

export async function writeLabels(store: ObjectStore, rows: [string, number | string][]): Promise<void> {
  const text = ['id,target', ...rows.map((row) => row.join(','))].join('\n');
  await store.write('training_labels.csv', new TextEncoder().encode(`${text}\n`));
}
