/** What the records already hold, sample by sample. A plan or a late object skips these samples. */

import { groupBy } from '../../core/group-by.ts';
import type { Content } from '../state/manifest.ts';
import type { Rejection } from '../state/rejected.ts';
import type { SampleIndex } from './sample-index.ts';

interface KnownRecord {
  label: 0 | 1;
  /** Whether its object arrived after the run. */
  late: boolean;
  isFrom(key: string): boolean;
}

export interface Known {
  record(id: string): KnownRecord | undefined;
  /** The rejected rows of an object. */
  rows(key: string): Rejection[];
  /** The rejected rows with this id. */
  rowsOf(id: string): Rejection[];
}

/** @param readIndex reads the index of an appended plan. */
export async function readKnown(
  content: Content | undefined,
  readIndex: (plan: string) => Promise<SampleIndex>,
): Promise<Known> {
  const { plans = [], shards = [], rejected = [] } = content ?? {};
  const byKey = groupBy(rejected, ({ key }) => key);
  const byId = groupBy(rejected, ({ id }) => id);
  const late = new Map<string, KnownRecord>();
  for (const { key, samples = [] } of shards) {
    for (const [id, label] of samples) late.set(id, { label, late: true, isFrom: (other) => other === key });
  }
  const indexes = await Promise.all(
    plans.map(async ({ id, without }) => ({ index: await readIndex(id), without: new Set(without) })),
  );

  return {
    record(id) {
      for (const { index, without } of indexes) {
        const entry = index.find(id);
        if (entry !== undefined && !without.has(id)) return { ...entry, late: false };
      }
      return late.get(id);
    },
    rows: (key) => byKey.get(key) ?? [],
    rowsOf: (id) => byId.get(id) ?? [],
  };
}
