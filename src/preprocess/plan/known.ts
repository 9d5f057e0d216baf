/** What the records already hold, sample by sample. A plan or a late object skips these samples. */

import { groupBy } from '../../core/group-by.ts';
import { sha256 } from '../../core/sha256.ts';
import type { ObjectStore } from '../../storage/store.ts';
import type { Content } from '../state/manifest.ts';
import { indexKey } from '../state/record-keys.ts';
import type { Rejection } from '../state/rejected.ts';
import { checksum, readIndex, type SampleIndex } from './sample-index.ts';

interface KnownRecord {
  label: 0 | 1;
  /** Whether its object arrived after the run. */
  late: boolean;
  isFrom(key: string): boolean;
}

export interface Known {
  /** True before the first plan is appended. */
  isEmpty: boolean;
  record(id: string): KnownRecord | undefined;
  /** The rejected rows of an object. */
  rows(key: string): Rejection[];
  /** The rejected rows that have this id and an object. */
  rowsOf(id: string): Rejection[];
}

const NOTHING_KNOWN: Known = {
  isEmpty: true,
  record: () => undefined,
  rows: () => [],
  rowsOf: () => [],
};

/** @param indexes of the appended plans, in their order. */
export function createKnown(content: Content, indexes: readonly SampleIndex[]): Known {
  const rows = content.rejected.filter(({ key }) => key !== undefined);
  const byKey = groupBy(rows, ({ key = '' }) => key);
  const byId = groupBy(
    rows.filter(({ id }) => id !== ''),
    ({ id }) => id,
  );
  const late = new Map<string, KnownRecord>();
  for (const { key, samples = [] } of content.shards) {
    for (const [id, label] of samples) late.set(id, { label, late: true, isFrom: (other) => other === key });
  }
  const plans = content.plans.map(({ without }, at) => ({ index: indexes[at]!, without: new Set(without) }));

  return {
    isEmpty: false,
    record(id) {
      const hash = sha256(id);
      for (const { index, without } of plans) {
        const entry = index.find(id, hash);
        if (entry === undefined || without.has(id)) continue;
        return { label: entry.label, late: false, isFrom: (key) => checksum(key) === entry.key };
      }
      return late.get(id);
    },
    rows: (key) => byKey.get(key) ?? [],
    rowsOf: (id) => byId.get(id) ?? [],
  };
}

/** Reads the indexes of the appended plans. */
export async function readKnown(records: ObjectStore, content: Content | undefined): Promise<Known> {
  if (content === undefined) return NOTHING_KNOWN;
  const indexes = await Promise.all(content.plans.map(({ id }) => readIndex(records, indexKey(id))));
  return createKnown(content, indexes);
}
