/**
 * Uploads a folder of raw samples, except for objects that exist with the same bytes. The labels go last, since their arrival
 * starts the run; the .ids.txt of a stack goes before the stack.
 * Small objects cost more in requests than in bytes: packs turn 560,000 of them into 547.
 */
import pLimit, { type LimitFunction } from 'p-limit';
import { InputError, StoppedError } from '../../core/errors.ts';
import type { Observer } from '../../core/progress.ts';
import { rawKind } from '../../raw/arrays.ts';
import { LABELS_KEY, type Label, parseLabels } from '../../raw/labels.ts';
import { COMPANION } from '../../raw/row-ids.ts';
import type { ObjectInfo, ObjectStore } from '../../storage/store.ts';
import { type Pack, type Packing, planPacks, type RawFile, streamPack } from './packing.ts';
import { hasSameBytes } from './same-bytes.ts';
import { refuseMixture } from './upload-conflicts.ts';

export interface UploadSettings {
  /** Files per pack; 1, the default, uploads the files as they are. */
  perPack?: number;
}

export interface UploadResult {
  /** Files. */
  uploaded: number;
  /** Files that existed already, with the same bytes. */
  skipped: number;
  /** Entries with a name of raw data that can't be read: broken links, empty folders, pipes. */
  leftOut: number;
  /** Objects written for the uploaded files. */
  objects: number;
  /** Bytes of these objects. */
  bytes: number;
  labels: boolean;
}

const FILES_AT_ONCE = 16;
/** The store sends a few parts of each at once, which takes 40 MB of memory per pack. */
const PACKS_AT_ONCE = 4;
/** Unreadable entries that are reported one by one, at most. */
const REPORTED = 10;
/** Larger files are streamed, and written in parts [bytes]. */
const WHOLE_LIMIT = 8 << 20;

/**
 * Throws InputError when the folder holds nothing to upload, ConflictError when the destination has its samples in other packs,
 * or packed instead of unpacked or vice versa, and StoppedError when `stop` is aborted.
 */
export async function uploadFolder(
  from: ObjectStore,
  to: ObjectStore,
  { perPack = 1 }: UploadSettings = {},
  observer: Observer = {},
  stop?: AbortSignal,
): Promise<UploadResult> {
  const files: RawFile[] = [];
  let leftOut = 0;
  for await (const { key, size, fault } of from.list('', { faults: true })) {
    if (!isRaw(key.replace(/\/$/, ''))) continue;
    if (fault === undefined) files.push({ key, size });
    else if (++leftOut <= REPORTED) observer.say?.(`left out: ${from.location}${key}: ${fault}`);
  }
  if (leftOut > REPORTED) observer.say?.(`left out: ${leftOut - REPORTED} more`);
  const hasLabels = (await from.head(LABELS_KEY)) !== undefined;
  if (files.length === 0 && !hasLabels) {
    throw new InputError({
      object: from.location,
      found: 'nothing to upload',
      needed: `.npy, .npz or .tar files, or ${LABELS_KEY}`,
    });
  }
  const packing: Packing =
    perPack === 1
      ? { packs: [], singles: files }
      : planPacks(files, hasLabels ? await readLabels(from) : [], perPack);
  const there = new Map<string, ObjectInfo>();
  for await (const object of to.list('')) there.set(object.key, object);
  await refuseMixture(to, there, files, packing);

  const result: UploadResult = { uploaded: 0, skipped: 0, leftOut, objects: 0, bytes: 0, labels: hasLabels };
  let done = 0;
  const advance = (count: number) => {
    done += count;
    observer.progress?.({ stage: 'upload', done, total: files.length, unit: 'files' });
  };
  const note = (sent: boolean, count: number, size: number) => {
    if (!sent) {
      result.skipped += count;
      return;
    }
    result.uploaded += count;
    result.objects += 1;
    result.bytes += size;
  };
  const sendPacks = packing.packs.map((pack) => async (halt: AbortSignal) => {
    const sent = await sendPack(from, to, pack, there.get(pack.key), advance, halt);
    note(sent, pack.files.length, pack.size);
  });
  const sendFiles = (files: RawFile[]): Jobs => {
    const send = async (file: RawFile) => {
      note(await sendFile(from, to, file, there.get(file.key)), 1, file.size);
      advance(1);
    };
    return [pLimit(FILES_AT_ONCE), files.map((file) => () => send(file))];
  };
  const { singles } = packing;
  // The .ids.txt files come first: the event of a stack may start a function that needs them.
  await runAll([sendFiles(singles.filter(({ key }) => isCompanion(key)))], stop);
  const others = singles.filter(({ key }) => !isCompanion(key));
  await runAll([[pLimit(PACKS_AT_ONCE), sendPacks], sendFiles(others)], stop);
  if (hasLabels) {
    // Always written, even if unchanged: uploading again must start the run again.
    await to.write(LABELS_KEY, await from.read(LABELS_KEY));
  }
  return result;
}

type Jobs = [limit: LimitFunction, jobs: ((halt: AbortSignal) => Promise<void>)[]];

/** Runs all jobs. After a failure or an abort no further job starts. Running jobs are awaited before this function throws. */
async function runAll(all: Jobs[], stop: AbortSignal | undefined): Promise<void> {
  const failure = new AbortController();
  const halt = AbortSignal.any(stop === undefined ? [failure.signal] : [failure.signal, stop]);
  const attempt = async (job: (halt: AbortSignal) => Promise<void>) => {
    try {
      if (halt.aborted) throw new StoppedError('stopped. Run the same command to resume');
      await job(halt);
    } catch (error) {
      failure.abort(error);
    }
  };
  await Promise.all(all.flatMap(([limit, jobs]) => jobs.map((job) => limit(attempt, job))));
  if (failure.signal.aborted) throw failure.signal.reason;
}

function isRaw(key: string): boolean {
  return rawKind(key) !== undefined || isCompanion(key);
}

function isCompanion(key: string): boolean {
  return key.endsWith(COMPANION);
}

async function readLabels(from: ObjectStore): Promise<Label[]> {
  return parseLabels(await from.read(LABELS_KEY), `${from.location}${LABELS_KEY}`).labels;
}

/** Resolves to false when the same bytes exist already. */
async function sendPack(
  from: ObjectStore,
  to: ObjectStore,
  pack: Pack,
  there: ObjectInfo | undefined,
  advance: (files: number) => void,
  stop: AbortSignal,
): Promise<boolean> {
  if (await hasSameBytes(to, there, pack.size, () => streamPack(from, pack, stop))) {
    advance(pack.files.length);
    return false;
  }
  await to.write(
    pack.key,
    streamPack(from, pack, stop, () => advance(1)),
  );
  return true;
}

/** Resolves to false when the same bytes exist already. */
async function sendFile(
  from: ObjectStore,
  to: ObjectStore,
  { key, size }: RawFile,
  there: ObjectInfo | undefined,
): Promise<boolean> {
  if (size > WHOLE_LIMIT) {
    if (await hasSameBytes(to, there, size, () => from.stream(key))) return false;
    await to.write(key, from.stream(key));
    return true;
  }
  const bytes = await from.read(key);
  if (await hasSameBytes(to, there, size, () => single(bytes))) return false;
  await to.write(key, bytes);
  return true;
}

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
