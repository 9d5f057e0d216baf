/** A folder of raw samples into the bucket: what isn't there yet, the labels last, since their arrival starts the run. */
import { createHash } from 'node:crypto';
import pLimit from 'p-limit';
import { InputError, StoppedError } from '../errors.ts';
import { LABELS_KEY } from '../pipeline/plan.ts';
import type { Observer } from '../pipeline/progress.ts';
import { rawKind } from '../raw/arrays.ts';
import type { ObjectInfo, ObjectStore } from '../storage/store.ts';

export interface UploadResult {
  uploaded: number;
  /** There already, with the same bytes. */
  skipped: number;
  bytes: number;
  labels: boolean;
}

const AT_ONCE = 16;
/** Larger files are sent in parts. */
const WHOLE_LIMIT = 8 << 20;

/** Throws InputError when the folder holds nothing to upload, StoppedError when `stop` is aborted. */
export async function uploadFolder(
  from: ObjectStore,
  to: ObjectStore,
  observer: Observer = {},
  stop?: AbortSignal,
): Promise<UploadResult> {
  const files: ObjectInfo[] = [];
  for await (const file of from.list('')) if (isRaw(file.key)) files.push(file);
  const labels = await from.head(LABELS_KEY);
  if (files.length === 0 && labels === undefined) {
    throw new InputError({
      object: from.location,
      found: 'nothing to upload',
      needed: `.npy, .npz or .tar files, or ${LABELS_KEY}`,
    });
  }
  const there = new Map<string, ObjectInfo>();
  for await (const object of to.list('')) there.set(object.key, object);

  const result: UploadResult = { uploaded: 0, skipped: 0, bytes: 0, labels: labels !== undefined };
  let done = 0;
  const limit = pLimit(AT_ONCE);
  const copy = async (file: ObjectInfo) => {
    if (stop?.aborted) throw new StoppedError('stopped; the same command goes on from here');
    if (await copyFile(from, to, file, there.get(file.key))) {
      result.uploaded += 1;
      result.bytes += file.size;
    } else result.skipped += 1;
    done += 1;
    observer.progress?.({ stage: 'upload', done, total: files.length, unit: 'files' });
  };
  await Promise.all(files.map((file) => limit(copy, file)));
  if (labels !== undefined) {
    // Always, even if they are there: whoever uploads again wants the run to go on.
    await to.write(LABELS_KEY, await from.read(LABELS_KEY));
  }
  return result;
}

function isRaw(key: string): boolean {
  return rawKind(key) !== undefined || key.endsWith('.ids.txt');
}

/** Resolves to false when the same bytes are there. S3's etag of an object sent in one piece is its MD5. */
async function copyFile(
  from: ObjectStore,
  to: ObjectStore,
  { key, size }: ObjectInfo,
  there: ObjectInfo | undefined,
): Promise<boolean> {
  if (size > WHOLE_LIMIT) {
    await to.write(key, from.stream(key));
    return true;
  }
  const bytes = await from.read(key);
  if (there?.size === size && there.etag === `"${createHash('md5').update(bytes).digest('hex')}"`)
    return false;
  await to.write(key, bytes);
  return true;
}
