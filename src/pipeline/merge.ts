/** The shards of finished records as the one file that readers of the Python pipeline expect. */
import { InputError } from '../errors.ts';
import type { RecordDType } from '../records/dtype.ts';
import { mergeShards, type Shard } from '../records/merge.ts';
import type { ObjectInfo, ObjectStore } from '../storage/store.ts';
import type { Observer } from './progress.ts';
import { METADATA_KEY, readMetadataIfPresent } from './work.ts';

/** Writes all records to `key` of `out`, checked on the way; a shard at a time is held in memory. */
export async function mergeRecords(
  records: ObjectStore,
  out: ObjectStore,
  key: string,
  dtype: RecordDType,
  observer: Observer = {},
): Promise<ObjectInfo & { records: number }> {
  const metadata = await readMetadataIfPresent(records);
  if (metadata === undefined) {
    throw new InputError({
      object: `${records.location}${METADATA_KEY}`,
      found: 'no such file',
      needed: 'finished records',
      advice: 'Finish them with chirpline preprocess',
    });
  }
  const { shards, n_samples: total } = metadata;
  async function* readShards(): AsyncGenerator<Shard> {
    let done = 0;
    for (const { name, n_records } of shards) {
      yield { object: `${records.location}${name}`, bytes: await records.read(name), records: n_records };
      done += n_records;
      observer.progress?.({ stage: 'merge', done, total, unit: 'records' });
    }
  }
  return { ...(await out.write(key, mergeShards(readShards(), dtype))), records: total };
}
