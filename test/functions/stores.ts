import type { OpenDataset } from '../../functions/environment.ts';
import { createMemoryStore } from '../../src/storage/memory.ts';

/** Datasets in memory, each with stores of its own. */
export function memoryDatasets(): OpenDataset {
  const opened = new Map<string, ReturnType<OpenDataset>>();
  return (dataset) => {
    const stores = opened.get(dataset) ?? {
      raw: createMemoryStore(),
      records: createMemoryStore(),
      models: createMemoryStore(),
    };
    opened.set(dataset, stores);
    return stores;
  };
}
