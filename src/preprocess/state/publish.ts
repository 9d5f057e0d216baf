/** Writes the public files of the records, which follow from the manifest: avg_psd.npz, rejected.csv and, last, metadata.json. */
import { InputError, TooManyRejectedError } from '../../core/errors.ts';
import { SOFTWARE } from '../../core/software.ts';
import { DETECTORS, SAMPLE_LENGTH } from '../../core/strain.ts';
import { METADATA_KEY, type Metadata, parseMetadata, serializeMetadata } from '../../records/metadata.ts';
import { AT_ONCE, forEachAhead } from '../../storage/ahead.ts';
import {
  CONTENTION,
  compareAndSwap,
  isOvertaken,
  readVersion,
  replaceVersion,
} from '../../storage/conditional.ts';
import { readIfPresent } from '../../storage/json.ts';
import { retry } from '../../storage/retry.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { type Content, countRecords, readManifest, recipeOf } from './manifest.ts';
import { PSD_KEY, planPsdKey, REJECTED_KEY } from './record-keys.ts';
import { describeRejection, formatRejected, formatShare, type Rejection } from './rejected.ts';

/**
 * Brings the public files in line with the manifest; does nothing when it has no content. A file is replaced only if nothing
 * changed it since before the manifest was read, so an older state never replaces a newer one. Idempotent. Throws InputError when
 * the PSD is missing.
 */
export async function publish(records: ObjectStore): Promise<void> {
  await retry(CONTENTION, isOvertaken, async () => {
    const [psd, rejected, metadata] = await Promise.all(
      [PSD_KEY, REJECTED_KEY, METADATA_KEY].map((key) => readVersion(records, key)),
    );
    const { content } = await readManifest(records);
    if (content === undefined) return;
    const ownKey = planPsdKey(content.plans[0]!.id);
    const ownPsd = await readIfPresent(records, ownKey);
    if (ownPsd === undefined)
      throw damaged(records.location + ownKey, 'no such file', 'the PSD of the records');
    await Promise.all([
      replaceVersion(records, PSD_KEY, psd, ownPsd),
      replaceVersion(records, REJECTED_KEY, rejected, Buffer.from(formatRejected(content.rejected))),
    ]);
    await replaceVersion(records, METADATA_KEY, metadata, Buffer.from(describeContent(content)));
  });
}

/**
 * Publishes records that lack nothing, and returns their content. Throws InputError when a shard is missing or has another size.
 * (`chirpline inspect` also checks the bytes, since it reads them all.)
 */
export async function publishComplete(records: ObjectStore): Promise<Content | undefined> {
  await publish(records);
  const { content } = await readManifest(records);
  await forEachAhead(content?.shards ?? [], AT_ONCE, async ({ name, bytes }) => {
    const size = (await records.head(name))?.size;
    if (size === bytes) return;
    const found = size === undefined ? 'no such file' : `${size} bytes`;
    throw damaged(`${records.location}${name}`, found, `${bytes} bytes, as metadata.json says`);
  });
  return content;
}

function damaged(object: string, found: string, needed: string): InputError {
  const advice = 'Copy it here again, or remove the records and run again';
  return new InputError({ object, found, needed, advice });
}

/**
 * Throws TooManyRejectedError when more than the share `limit` of the inputs is rejected. Pending rows aren't counted, since they
 * may still become records. What to fix is in rejected.csv for a first plan, in the error itself for a later one.
 */
export async function checkRejected(
  records: ObjectStore,
  rows: readonly Rejection[],
  inputs: number,
  limit: number,
  content: Content | undefined,
): Promise<void> {
  // An object that belongs to no sample gets a row, but isn't counted. Once records exist, labels may arrive before their samples.
  const isCounted = ({ id, file, key, pending }: Rejection) =>
    !pending && (id !== '' || key === undefined) && (content === undefined || file !== '');
  const counted = rows.filter(isCounted);
  if (counted.length <= limit * inputs) return;
  if (content === undefined) {
    await compareAndSwap(records, REJECTED_KEY, async () => {
      const now = await readManifest(records);
      return now.content === undefined ? Buffer.from(formatRejected(rows)) : undefined;
    });
  }
  const known = new Set(content?.rejected.map(describeRejection));
  const fresh = counted.map(describeRejection).filter((row) => !known.has(row));
  const some = `${fresh.slice(0, 5).join('; ')}${fresh.length > 5 ? `; and ${fresh.length - 5} more` : ''}`;
  const which = content === undefined ? `${records.location}${REJECTED_KEY} lists them` : `New: ${some}`;
  throw new TooManyRejectedError(
    `${counted.length} of ${inputs} inputs were rejected, more than the tolerated ${formatShare(limit)}. ` +
      `${which}. Fix them and run again, or allow more (--max-rejected); finished shards are kept.`,
  );
}

/** The checked metadata of finished records; undefined when it is missing. Throws InputError when it is broken. */
export async function readMetadataIfPresent(records: ObjectStore): Promise<Metadata | undefined> {
  const bytes = await readIfPresent(records, METADATA_KEY);
  return bytes && parseMetadata(bytes, `${records.location}${METADATA_KEY}`);
}

function describeContent(content: Content): string {
  const { settings, shards, rejected } = content;
  return serializeMetadata({
    n_samples: countRecords(content),
    n_failed: rejected.length,
    signal_shape: [DETECTORS.length, SAMPLE_LENGTH],
    dtype: settings.dtype,
    dataset: settings.dataset,
    recipe: recipeOf(settings),
    recipe_hash: content.recipeHash,
    psd_sha256: content.psdSha256,
    labels_sha256: content.labelsSha256,
    plan_hash: content.planHash,
    shards: shards.map(({ name, records: n_records, bytes, sha256 }) => ({ name, n_records, bytes, sha256 })),
    software: SOFTWARE,
  });
}
