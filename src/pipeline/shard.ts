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
  const shard = makeShard(raw, name, samples, dtype, preprocessor, stop);
  // A bucket takes a piece as a request of its own.
  await writeOnce(records, shard, records.folder === undefined ? await collect(shard.pieces) : shard.pieces);
  const result = shard.result();
  await writeJson(records, shardResultKey(index), result);
  return result;
}

/** Samples of a piece of a shard: 0.4 MB of records, which are hashed and written while the processor's caches hold them. */
const PIECE = 16;

export interface Shard {
  name: string;
  /** The bytes, in pieces that lie in the same memory one after another. */
  pieces: AsyncGenerator<Uint8Array>;
  /** Once all pieces have been taken. */
  result(): ShardResult;
}

/** A shard of these samples, in their order. Its pieces throw StoppedError when `stop` says so meanwhile. */
export function makeShard(
  raw: ObjectStore,
  name: string,
  samples: LabelledRef[],
  dtype: RecordDType,
  preprocessor: Preprocessor,
  stop?: Stop,
): Shard {
  const { inputs, processBlock } = preprocessor;
  const builder = createShardBuilder(dtype, PIECE + inputs.length);
  const hash = createHash('sha256');
  const rejected: Rejection[] = [];
  let bytes = 0;
  let sha256 = '';

  function finishPiece(): Uint8Array {
    const piece = builder.finish();
    hash.update(piece);
    bytes += piece.length;
    return piece;
  }

  async function* make(): AsyncGenerator<Uint8Array> {
    const reader = createSampleReader(
      raw,
      samples.map(({ ref }) => ref),
    );
    for (let position = 0, held = 0; ; ) {
      const reasons = await reader.read(inputs);
      if (reasons.length === 0) break;
      stopIfAborted(stop, name, position, samples.length);
      const good = reasons.filter((reason) => reason === undefined).length;
      const results = processBlock(inputs.slice(0, good), dtype).values();
      held += good;
      for (const reason of reasons) {
        const { ref, label } = samples[position++]!;
        const result = reason ?? results.next().value!;
        if (typeof result !== 'string') builder.add(ref.id, label, result);
        else rejected.push({ id: ref.id, file: ref.key, reason: result });
      }
      if (held < PIECE) continue;
      held = 0;
      yield finishPiece();
      // Lets the writing of another shard go on.
      await setImmediate();
    }
    const last = finishPiece();
    sha256 = hash.digest('hex');
    yield last;
  }

  return {
    name,
    pieces: make(),
    result: () => ({ name, records: builder.count, bytes, sha256, rejected }),
  };
}

/** The bytes of a shard in one. */
export async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const copies: Uint8Array[] = [];
  for await (const piece of pieces) copies.push(new Uint8Array(piece));
  return Buffer.concat(copies);
}

/** Writes the shard's bytes unless they are there; what is there must be the very same. */
export async function writeOnce(
  records: ObjectStore,
  { name, result }: Shard,
  bytes: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<void> {
  try {
    await records.write(name, bytes, { ifAbsent: true, uncached: true });
  } catch (error) {
    if (!(error instanceof PreconditionError)) throw error;
    const { sha256 } = result();
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
