/**
 * One chunk of samples becomes one shard. The shard's bytes depend on the raw bytes, the labels, the PSD and the
 * recipe alone, so that whoever makes it, and however often, makes the same.
 */
import { createHash } from 'node:crypto';
import { ConflictError, PreconditionError } from '../errors.ts';
import { readSamples } from '../raw/samples.ts';
import { restoreVersions } from '../raw/versions.ts';
import type { RecordDType } from '../records/dtype.ts';
import { createShardBuilder, shardName } from '../records/shard.ts';
import { createPreprocessor, type Preprocessor } from '../signal/preprocess.ts';
import type { ObjectStore } from '../storage/store.ts';
import type { LabelledRef, Plan, Stores } from './plan.ts';
import { readPsd } from './psd.ts';
import type { Rejection } from './rejected.ts';
import { type Stop, stopIfAborted } from './stop.ts';
import { PSD_KEY, readJson, readJsonIfPresent, shardPlanKey, shardResultKey, writeJson } from './work.ts';

export interface ShardResult {
  name: string;
  records: number;
  bytes: number;
  sha256: string;
  rejected: Rejection[];
}

/** The preprocessor of a run, from the PSD beside its records. Made once a worker: its tables take milliseconds. */
export async function preparePreprocessor(records: ObjectStore): Promise<Preprocessor> {
  const { psd } = await readPsd(records, PSD_KEY);
  return createPreprocessor(psd);
}

/** The memory of a shard that is written, for the next one: the system takes some 30 us a record to give new memory. */
let spare: Uint8Array | undefined;

/**
 * Makes shard `index` of the plan and notes its result; returns the noted one when it was made before.
 * Throws StoppedError when `stop` says so meanwhile; nothing is written then.
 */
export async function preprocessChunk(
  stores: Stores,
  plan: Plan,
  preprocessor: Preprocessor,
  index: number,
  stop?: Stop,
): Promise<ShardResult> {
  const { records, raw } = stores;
  const noted = await readJsonIfPresent<ShardResult>(records, shardResultKey(index));
  if (noted !== undefined && (await records.head(noted.name))?.size === noted.bytes) return noted;

  const samples = await readJson<LabelledRef[]>(records, shardPlanKey(index));
  restoreVersions(samples.map(({ ref }) => ref));
  const name = shardName(index, plan.shards);
  const memory = spare;
  spare = undefined;
  const { dtype } = plan.settings;
  const { result, bytes } = await makeShard(raw, name, samples, dtype, preprocessor, stop, memory);
  await writeOnce(records, result, bytes);
  spare = new Uint8Array(bytes.buffer);
  await writeJson(records, shardResultKey(index), result);
  return result;
}

/**
 * Makes a shard of these samples, in their order, in `memory` where that is large enough. Throws StoppedError when
 * `stop` says so meanwhile.
 */
export async function makeShard(
  raw: ObjectStore,
  name: string,
  samples: LabelledRef[],
  dtype: RecordDType,
  preprocessor: Preprocessor,
  stop?: Stop,
  memory?: Uint8Array,
): Promise<{ result: ShardResult; bytes: Uint8Array }> {
  const builder = createShardBuilder(dtype, samples.length, memory);
  const rejected: Rejection[] = [];
  const block = preprocessor.inputs;
  /** Samples of the next block, with those in between that couldn't be read and take no part in it. */
  const waiting: { sample: LabelledRef; reason: string | undefined }[] = [];
  let filled = 0;
  function finishBlock(): void {
    const results = preprocessor.processBlock(block.slice(0, filled), dtype);
    let next = 0;
    for (const { sample, reason } of waiting) {
      const { ref, label } = sample;
      const result = reason ?? results[next++]!;
      if (typeof result !== 'string') builder.add(ref.id, label, result);
      else rejected.push({ id: ref.id, file: ref.key, reason: result });
    }
    waiting.length = 0;
    filled = 0;
  }
  const refs = samples.map(({ ref }) => ref);
  let position = 0;
  for await (const { reason } of readSamples(raw, refs, () => block[filled]!)) {
    stopIfAborted(stop, name, position, samples.length);
    waiting.push({ sample: samples[position]!, reason });
    position += 1;
    if (reason === undefined) filled += 1;
    if (filled === block.length) finishBlock();
  }
  finishBlock();
  const bytes = builder.finish();
  const result: ShardResult = {
    name,
    records: builder.count,
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    rejected,
  };
  return { result, bytes };
}

/** Writes the shard unless it is there; one that is there must be the very same. */
export async function writeOnce(
  records: ObjectStore,
  { name, sha256 }: ShardResult,
  bytes: Uint8Array,
): Promise<void> {
  try {
    await records.write(name, bytes, { ifAbsent: true });
  } catch (error) {
    if (!(error instanceof PreconditionError)) throw error;
    const there = createHash('sha256')
      .update(await records.read(name))
      .digest('hex');
    if (there !== sha256) {
      throw new ConflictError(
        `${records.location}${name} is there with other bytes (SHA-256 ${there}, expected ${sha256}). Remove it and run again.`,
        { cause: error },
      );
    }
  }
}
