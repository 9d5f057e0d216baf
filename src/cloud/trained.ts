/** Which trainings of a dataset exist: a run, which anyone may repeat, must not pay for the same one again. */
import { sha256 } from '../core/sha256.ts';
import { readMetadataIfPresent } from '../preprocess/state/publish.ts';
import type { Metadata } from '../records/metadata.ts';
import type { ObjectStore } from '../storage/store.ts';
import { isFinal, readJobStatuses } from './job-status.ts';

/** Identifies a training by its records and its options. Other versions of chirpline that make the same records don't change it. */
export function trainingKey({ shards }: Pick<Metadata, 'shards'>, options: readonly string[]): string {
  const records = shards.map(({ name, sha256 }) => [name, sha256]);
  return sha256(JSON.stringify([records, options])).toString('hex');
}

/**
 * The job that has made this training, or may still make it; undefined if there is none.
 *
 * @param readState the state that AWS Batch knows of a job; undefined for one that it has forgotten, a week after its end.
 */
export async function findTraining(
  records: ObjectStore,
  models: ObjectStore,
  options: readonly string[],
  readState: (job: string) => Promise<string | undefined>,
): Promise<string | undefined> {
  const metadata = await readMetadataIfPresent(records);
  if (metadata === undefined) return undefined;
  const key = trainingKey(metadata, options);
  for await (const { training, fold, state, job } of readJobStatuses(models)) {
    // The job of one fold makes a part of the training.
    if (training !== key || fold !== undefined) continue;
    // The event of a job's end may have been lost, so only a final note is believed.
    const known = isFinal(state) ? state : await readState(job);
    if (known !== undefined && known !== 'FAILED') return job;
  }
  return undefined;
}
