/** What must be true of the records, whatever happened. */
import { createHash } from 'node:crypto';
import { parseRejected } from '../../src/preprocess/state/rejected.ts';
import { parseMetadata } from '../../src/records/metadata.ts';
import type { Bucket } from './bucket.ts';
import { hashRecords, rightRecords, type Samples } from './samples.ts';

export interface History {
  /** Samples that are intact now, and samples that ever were. */
  whole: Set<number>;
  ever: Set<number>;
  /** For each sample, the keys of the objects that have or had it. */
  objects: Set<string>[];
  /** Samples that ever had exactly one label. */
  labelled: Set<number>;
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Whenever metadata.json is written, everything that it names must exist. Returns a function that returns the violations. */
export function watchPublic(records: Bucket): () => string[] {
  const wrong: string[] = [];
  records.onWrite = (key) => {
    if (key !== 'metadata.json') return;
    // A call that outlived its records may write it after they were removed. The next run overwrites it.
    const manifest = records.objects.get('_work/manifest.json')?.bytes;
    if (manifest === undefined || JSON.parse(text(manifest)).content === undefined) return;
    const { shards } = parseMetadata(records.objects.get(key)!.bytes, key);
    for (const { name, sha256 } of shards) {
      const bytes = records.objects.get(name)?.bytes;
      const found = bytes && createHash('sha256').update(bytes).digest('hex');
      if (found !== sha256) wrong.push(`EARLY: metadata.json names ${name}, which is ${found ?? 'missing'}`);
    }
  };
  return () => wrong;
}

export async function checkRecords(
  samples: Samples,
  raw: Bucket,
  records: Bucket,
  history: History,
): Promise<string[]> {
  const wrong: string[] = [];
  const object = records.objects.get('metadata.json');
  if (object === undefined) return ['LOST: metadata.json is missing'];
  for (const name of ['avg_psd.npz', 'rejected.csv'])
    if (!records.objects.has(name)) return [`LOST: ${name} is missing`];
  const metadata = parseMetadata(object.bytes, 'metadata.json');
  const rows = parseRejected(text(records.objects.get('rejected.csv')!.bytes));
  const right = await rightRecords(samples, records);
  const psd = createHash('sha256').update(records.objects.get('avg_psd.npz')!.bytes).digest('hex');
  if (psd !== metadata.psd_sha256) wrong.push('WRONG: avg_psd.npz is not the one of metadata.json');

  const seen = new Map<string, number>();
  for (const { name, n_records, sha256 } of metadata.shards) {
    const bytes = records.objects.get(name)?.bytes;
    if (bytes === undefined) {
      wrong.push(`LOST: ${name} is missing`);
      continue;
    }
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) wrong.push(`WRONG: SHA-256 of ${name}`);
    for (const { id, hash } of hashRecords(bytes, name, n_records)) {
      seen.set(id, (seen.get(id) ?? 0) + 1);
      if (!right.get(id)?.has(hash))
        wrong.push(`WRONG: the record of ${id} in ${name} differs from the one without faults`);
    }
  }
  for (const [id, count] of seen) if (count > 1) wrong.push(`DOUBLED: ${count} records of ${id}`);
  const total = [...seen.values()].reduce((sum, count) => sum + count, 0);
  if (metadata.n_samples !== total) wrong.push(`COUNT: n_samples ${metadata.n_samples} of ${total}`);
  if (metadata.n_failed !== rows.length)
    wrong.push(`COUNT: n_failed ${metadata.n_failed}, rows ${rows.length}`);

  const lines = text(raw.objects.get('training_labels.csv')!.bytes).split('\n');
  for (const [index, id] of samples.ids.entries()) {
    const mine = lines.filter((line) => line.startsWith(`${id},`));
    // Rows that repeat another row exactly count once.
    const labels = new Set(mine).size > 1 ? mine.length : Math.min(mine.length, 1);
    const objects = [...history.objects[index]!].filter((key) => raw.objects.has(key)).length;
    const own = rows.filter((row) => row.id === id);
    const listed = own.map(({ file, reason }) => `${file} ${reason}`).join(' and ');
    const count = (seen.has(id) ? 1 : 0) + own.length;
    // One per raw sample; without any, one for the record of a former sample or for the label. One per contradictory label.
    const due = Math.max(objects, seen.has(id) || labels === 1 ? 1 : 0) + (labels > 1 ? labels : 0);
    const isWhole = objects === 1 && history.whole.has(index);
    if (count !== due) {
      wrong.push(`${count < due ? 'LOST' : 'DOUBLED'}: ${id} occurs ${count} times, not ${due}: ${listed}`);
    } else if (new Set(own.map(({ file, reason }) => `${file} ${reason}`)).size < own.length) {
      wrong.push(`DOUBLED: rows of ${id}: ${listed}`);
    } else if (isWhole && labels === 1 && !seen.has(id)) {
      wrong.push(`LOST: ${id} is intact and labelled, but ${listed}`);
    } else if (seen.has(id) && !(history.ever.has(index) && history.labelled.has(index))) {
      wrong.push(`WRONG: ${id} has a record, but was never intact and labelled`);
    }
  }
  const strays = rows.filter(({ id }) => !samples.ids.includes(id));
  for (const { file, reason } of strays) wrong.push(`WRONG: a row without a sample: ${file}: ${reason}`);
  return wrong;
}
