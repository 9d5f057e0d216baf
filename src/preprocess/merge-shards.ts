/** Merges the shards of finished records into the one file that the Python pipeline's readers expect. */
import { InputError, StoppedError } from '../core/errors.ts';
import type { Observer } from '../core/progress.ts';
import { sha256 } from '../core/sha256.ts';
import { mergeShards, type Shard } from '../records/merge-records.ts';
import { METADATA_KEY } from '../records/metadata.ts';
import type { RecordDType } from '../records/record-dtype.ts';
import { isSignalRecipe } from '../signal/recipe.ts';
import { probeWriting } from '../storage/probe.ts';
import type { ObjectInfo, ObjectStore } from '../storage/store.ts';
import { readMetadataIfPresent } from './state/publish.ts';

/** Writes all records to `key` of `out` and checks them on the way. One shard at a time is in memory. */
export async function mergeRecords(
  records: ObjectStore,
  out: ObjectStore,
  key: string,
  dtype: RecordDType,
  observer: Observer = {},
  signal?: AbortSignal,
): Promise<ObjectInfo & { records: number }> {
  await probeWriting(out, key);
  const metadata = await readMetadataIfPresent(records);
  if (metadata === undefined) {
    throw new InputError({
      object: `${records.location}${METADATA_KEY}`,
      found: 'no such file',
      needed: 'finished records',
      advice: 'Finish them with chirpline preprocess',
    });
  }
  if (isSignalRecipe(metadata.recipe_hash))
    throw new InputError({
      object: records.location,
      found: 'records of signals without noise',
      needed: 'records of samples with noise',
      advice: 'Signals are only for train --inject',
    });
  const { shards, n_samples: total } = metadata;
  async function* readShards(): AsyncGenerator<Shard> {
    let done = 0;
    for (const { name, n_records, sha256: stored } of shards) {
      if (signal?.aborted)
        throw new StoppedError(`stopped after ${done} of ${total} records; nothing was written`);
      const object = `${records.location}${name}`;
      const bytes = await records.read(name);
      yield { object, bytes, records: n_records };
      // Checked after the records, whose errors say more. Intact records may still be those of another shard.
      const found = sha256(bytes).toString('hex');
      if (found !== stored) {
        throw new InputError({
          object,
          found: `SHA-256 ${found}`,
          needed: `${stored}, as metadata.json says`,
          advice: 'Copy the shard here again, or remove the records and run again',
        });
      }
      done += n_records;
      observer.progress?.({ stage: 'merge', done, total, unit: 'records' });
    }
  }
  return { ...(await out.write(key, mergeShards(readShards(), dtype), { uncached: true })), records: total };
}
