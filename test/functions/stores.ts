import type { OpenDataset } from '../../functions/environment.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { createMemoryStore } from '../support/memory-store.ts';

/** Datasets in memory, each with stores of its own. */
export function memoryDatasets(): OpenDataset {
  const opened = new Map<string, ReturnType<OpenDataset>>();
  return (dataset) => {
    const stores = opened.get(dataset) ?? {
      raw: namedStore(`raw/${dataset}/`),
      records: namedStore(`records/${dataset}/`),
      models: namedStore(`models/${dataset}/`),
    };
    opened.set(dataset, stores);
    return stores;
  };
}

/** The location lets steps distinguish the stores. */
function namedStore(name: string): ObjectStore {
  return { ...createMemoryStore(), location: `memory:${name}` };
}
