/**
 * One chunk of samples becomes one shard. The shard's bytes depend on the raw bytes, the labels, the PSD and the
 * recipe alone, so that every attempt makes the same.
 */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import * as v from 'valibot';
import { InputError, NotFoundError, PreconditionError } from '../core/errors.ts';
import { type Stop, stopIfAborted } from '../core/stop.ts';
import { isAbsent } from '../raw/absence.ts';
import { createSampleReader } from '../raw/samples.ts';
import { decodeExample } from '../records/example.ts';
import type { RecordDType } from '../records/record-dtype.ts';
import { createShardBuilder } from '../records/shard.ts';
import { readRecords } from '../records/tfrecord.ts';
import type { Preprocessor } from '../signal/preprocessor.ts';
import { AT_ONCE, mapAhead } from '../storage/ahead.ts';
import { putIfAbsent } from '../storage/conditional.ts';
import { encodeJson, readJson, readJsonIfPresent } from '../storage/json.ts';
import type { ObjectStore } from '../storage/store.ts';
import { hashIds, type LabelledRef, readShardChunk } from './plan/chunks.ts';
import { rowOf } from './plan/match.ts';
import type { Plan, Stores } from './plan/plan.ts';
import { requirePlan } from './state/manifest.ts';
import { shardListKey, shardResultKey } from './state/record-keys.ts';
import { type Rejection, rejectionSchema } from './state/rejected.ts';

const madeSchema = v.object({
  name: v.string(),
  records: v.number(),
  bytes: v.number(),
  sha256: v.string(),
  rejected: v.array(rejectionSchema),
});
/** What became of a chunk's samples. */
export type Made = v.InferOutput<typeof madeSchema>;

const resultSchema = v.object({
  ...madeSchema.entries,
  /** The shard's version. */
  etag: v.string(),
  /** Of the samples' ids, see hashIds, of the plan and of the PSD that it was made with. */
  ids: v.string(),
  plan: v.string(),
  psd: v.string(),
});
export type ShardResult = v.InferOutput<typeof resultSchema>;

/** The noted results of a plan's shards, in their order; undefined of those that are to be made. */
export async function readResults(
  records: ObjectStore,
  { id, shards }: Plan,
): Promise<(ShardResult | undefined)[]> {
  const noted: (ShardResult | undefined)[] = [];
  const reads = mapAhead(shards.keys(), AT_ONCE, (index) =>
    readJsonIfPresent(records, shardResultKey(id, index), resultSchema),
  );
  for await (const result of reads) noted.push(result);
  // After the results, each of which is written after its shard. Somebody may have removed or changed one.
  const etags = new Map<string, string>();
  const prefix = shards[0]?.name.replace(/-.*/s, '-');
  if (prefix !== undefined) for await (const { key, etag } of records.list(prefix)) etags.set(key, etag);
  return noted.map((result) => (result?.etag === etags.get(result?.name ?? '') ? result : undefined));
}

/**
 * Makes shard `index` of the plan and notes its result; returns the noted one when it was made before. `psd` is the SHA-256 of
 * the preprocessor's. Throws StoppedError when `stop` says so meanwhile; nothing is written then.
 */
export async function preprocessChunk(
  { raw, records }: Stores,
  plan: Plan,
  { preprocessor, psd }: { preprocessor: Preprocessor; psd: string },
  index: number,
  stop?: Stop,
): Promise<ShardResult> {
  const key = shardResultKey(plan.id, index);
  const noted = await readJsonIfPresent(records, key, resultSchema);
  if (noted !== undefined && (await records.head(noted.name))?.etag === noted.etag) return noted;

  const samples = await readShardChunk(records, shardListKey(plan.id, index));
  const { name } = plan.shards[index]!;
  const make = () => makeShard(raw, name, samples, plan.settings.dtype, preprocessor, stop);
  const { made, etag } = await createShard(records, plan.id, samples, make);
  const result: ShardResult = {
    ...made,
    etag,
    ids: hashIds(samples.map(({ ref }) => ref.id)),
    plan: plan.hash,
    psd,
  };
  // In place of one that the shard isn't as.
  if (noted !== undefined) await records.write(key, encodeJson(result));
  if (noted !== undefined || (await putIfAbsent(records, key, encodeJson(result)))) return result;
  // Another call noted it meanwhile, of the same shard.
  return readJson(records, key, resultSchema);
}

/**
 * Creates the shard. What lies under its name already was made by an earlier call, which may have seen objects that were
 * overwritten since: then that stays. Or it is of a plan that was given up, and is replaced; unless it is this plan that was
 * given up, which is asked for after a look at the shard.
 */
async function createShard(
  records: ObjectStore,
  plan: string,
  samples: LabelledRef[],
  make: () => Shard,
): Promise<{ made: Made; etag: string }> {
  for (;;) {
    const shard = make();
    try {
      // A bucket takes a piece as a request of its own.
      const bytes = records.folder === undefined ? await collect(shard.pieces) : shard.pieces;
      const { etag } = await records.write(shard.name, bytes, { ifAbsent: true, uncached: true });
      return { made: shard.result(), etag };
    } catch (error) {
      if (!(error instanceof PreconditionError)) throw error;
    }
    try {
      const own = make();
      const bytes = await collect(own.pieces);
      const found = await records.head(own.name);
      if (found === undefined) continue;
      const there = await records.read(own.name, undefined, { ifMatch: found.etag });
      const made = compareShards(there, bytes, samples, own.result());
      if (made !== undefined) return { made, etag: found.etag };
      await requirePlan(records, plan);
      const { etag } = await records.write(own.name, bytes, { ifMatch: found.etag });
      return { made: own.result(), etag };
    } catch (error) {
      // Somebody was quicker: what is there now is looked at.
      if (!(error instanceof PreconditionError || error instanceof NotFoundError)) throw error;
    }
  }
}

/**
 * What the shard that is there makes of the samples, if it is one of them: its records are some of theirs, and the same as
 * this call made wherever both made one. Undefined of any other.
 */
function compareShards(
  there: Uint8Array,
  bytes: Uint8Array,
  samples: LabelledRef[],
  own: Made,
): Made | undefined {
  if (Buffer.compare(there, bytes) === 0) return own;
  const frames = listFrames(there, own.name);
  const ownFrames = listFrames(bytes, own.name);
  if (frames === undefined || ownFrames === undefined) return undefined;
  const ids = new Set(samples.map(({ ref }) => ref.id));
  for (const [id, frame] of frames) {
    const mine = ownFrames.get(id);
    if (!ids.has(id) || (mine !== undefined && Buffer.compare(mine, frame) !== 0)) return undefined;
  }
  const reasons = new Map(own.rejected.map((row) => [row.id, row]));
  const rejected = samples
    .filter(({ ref }) => !frames.has(ref.id))
    .map(({ ref }) => {
      const pending = { ...rowOf(ref), reason: 'an earlier attempt could not read it', pending: true };
      return reasons.get(ref.id) ?? pending;
    });
  const sha256 = createHash('sha256').update(there).digest('hex');
  return { name: own.name, records: frames.size, bytes: there.length, sha256, rejected };
}

/** A shard's records by their ids; undefined when it is broken, or has one without an id or twice. */
function listFrames(bytes: Uint8Array, object: string): Map<string, Uint8Array> | undefined {
  const frames = new Map<string, Uint8Array>();
  try {
    for (const { data, offset } of readRecords(bytes, object)) {
      const { id } = decodeExample(data, object, offset);
      if (id === undefined || frames.has(id)) return undefined;
      frames.set(id, data);
    }
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
  return frames;
}

/** Samples of a piece of a shard: 0.4 MB of records, which are hashed and written while the processor's caches hold them. */
const PIECE = 16;

export interface Shard {
  name: string;
  /** The bytes, in pieces that lie in the same memory one after another. */
  pieces: AsyncGenerator<Uint8Array>;
  /** Once all pieces have been taken. */
  result(): Made;
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
        else rejected.push({ ...rowOf(ref), reason: result, ...versionOf(ref.etag, result) });
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

/** Which version of its object a sample was found bad in; none was looked at of what is away or was overwritten. */
function versionOf(etag: string | undefined, reason: string): Pick<Rejection, 'etag' | 'pending'> {
  if (isAbsent(reason)) return { pending: true };
  return etag === undefined ? {} : { etag };
}
