/** What the records hold already, sample by sample: what a plan, or an object that comes late, leaves alone. */
import type { SampleRef } from '../raw/sample-ref.ts';
import type { ObjectStore } from '../storage/store.ts';
import type { Content } from './manifest.ts';
import type { Rejection } from './rejected.ts';
import { checksum, readIndex, type SampleIndex } from './sample-index.ts';
import { indexKey } from './work.ts';

export interface KnownRecord {
  /** Undefined where it isn't kept: of samples that came late. */
  label: 0 | 1 | undefined;
  /** Whether its object came after the run. */
  late: boolean;
  isFrom(key: string): boolean;
}

export interface Known {
  /** True when nothing is known. */
  isEmpty: boolean;
  record(id: string): KnownRecord | undefined;
  /** The row of a sample that was found broken in this very version of its object. */
  broken(ref: SampleRef, etag: string | undefined): Rejection | undefined;
  /** The rows of an object. */
  rows(key: string): Rejection[];
}

export const NOTHING_KNOWN: Known = {
  isEmpty: true,
  record: () => undefined,
  broken: () => undefined,
  rows: () => [],
};

export function createKnown(content: Content, indexes: readonly SampleIndex[]): Known {
  const byKey = new Map<string, Rejection[]>();
  const rejectedIds = new Map<string, Rejection[]>();
  for (const row of content.rejected) {
    if (row.key === undefined) continue;
    add(byKey, row.key, row);
    if (row.id !== '') add(rejectedIds, row.id, row);
  }
  const late = new Map(content.shards.flatMap(({ ids = [], key }) => ids.map((id) => [id, key])));

  return {
    isEmpty: false,
    record(id) {
      if (late.has(id)) return { label: undefined, late: true, isFrom: (key) => late.get(id) === key };
      for (const index of indexes) {
        const entry = index.find(id);
        if (entry === undefined) continue;
        // Planned, but there is a row in place of a record.
        if (rejectedIds.get(id)?.some(({ key = '' }) => checksum(key) === entry.key)) continue;
        return { label: entry.label, late: false, isFrom: (key) => checksum(key) === entry.key };
      }
      return undefined;
    },
    broken({ id, key }, etag) {
      return byKey.get(key)?.find((row) => row.id === id && row.etag !== undefined && row.etag === etag);
    },
    rows: (key) => byKey.get(key) ?? [],
  };
}

function add(rows: Map<string, Rejection[]>, name: string, row: Rejection): void {
  const list = rows.get(name);
  if (list === undefined) rows.set(name, [row]);
  else list.push(row);
}

/** Reads the indexes of the plans that are in. */
export async function readKnown(records: ObjectStore, content: Content | undefined): Promise<Known> {
  if (content === undefined) return NOTHING_KNOWN;
  const indexes = await Promise.all(content.plans.map((plan) => readIndex(records, indexKey(plan))));
  return createKnown(content, indexes);
}
