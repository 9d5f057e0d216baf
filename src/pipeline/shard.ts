/**
 * One chunk of samples becomes one shard. The shard's bytes depend on the raw bytes, the labels, the PSD and the
 * recipe alone, so that whoever makes it, and however often, makes the same.
 */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { ConflictError, PreconditionError } from '../errors.ts';
import { createSampleReader } from '../raw/samples.ts';
import type { RecordDType } from '../records/dtype.ts';
import { createShardBuilder, shardName } from '../records/shard.ts';
import type { Preprocessor } from '../signal/preprocess.ts';
import type { ObjectStore } from '../storage/store.ts';
import { type LabelledRef, readShardChunk } from './chunks.ts';
import type { Plan, Stores } from './plan.ts';
import type { Rejection } from './rejected.ts';
import { type Stop, stopIfAborted } from './stop.ts';
import { readJsonIfPresent, shardPlanKey, shardResultKey, writeJson } from './work.ts';

export interface ShardResult {
  name: string;
  records: number;
  bytes: number;
  sha256: string;
  rejected: Rejection[];
}

/** The memory of shards that are written, for later ones: the system takes some 30 us a record to give new memory. */
const spare: Uint8Array[] = [];

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

  const samples = await readShardChunk(records, shardPlanKey(index));
  const name = shardName(index, plan.shards);
  const { dtype } = plan.settings;
  const { result, bytes } = await makeShard(raw, name, samples, dtype, preprocessor, stop, spare.pop());
  await writeOnce(records, result, bytes);
  spare.push(new Uint8Array(bytes.buffer));
  await writeJson(records, shardResultKey(index), result);
  return result;
}

/** Samples between two looks at what else there is to do: 1.6 MB of records, which the processor's caches hold. */
const PORTION = 64;

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
  const refs = samples.map(({ ref }) => ref);
  const reader = createSampleReader(raw, refs);
  const hash = createHash('sha256');
  for (let position = 0, pause = PORTION; ; ) {
    const reasons = await reader.read(preprocessor.inputs);
    if (reasons.length === 0) break;
    stopIfAborted(stop, name, position, samples.length);
    const good = reasons.filter((reason) => reason === undefined).length;
    const results = preprocessor.processBlock(preprocessor.inputs.slice(0, good), dtype).values();
    for (const reason of reasons) {
      const { ref, label } = samples[position++]!;
      const result = reason ?? results.next().value!;
      if (typeof result !== 'string') builder.add(ref.id, label, result);
      else rejected.push({ id: ref.id, file: ref.key, reason: result });
    }
    if (position < pause) continue;
    pause = position + PORTION;
    hash.update(builder.takeNew());
    // Lets the writing of the shard before go on.
    await setImmediate();
  }
  hash.update(builder.takeNew());
  const bytes = builder.finish();
  const result: ShardResult = {
    name,
    records: builder.count,
    bytes: bytes.length,
    sha256: hash.digest('hex'),
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
