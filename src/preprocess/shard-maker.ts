/**
 * Makes one shard from one chunk of samples. The shard's bytes depend only on the raw bytes, the labels, the PSD and the
 * recipe, so every attempt makes the same shard.
 */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import * as v from 'valibot';
import { ConflictError, InputError } from '../core/errors.ts';
import { sha256 } from '../core/sha256.ts';
import type { Stop } from '../core/stop.ts';
import { isAbsent } from '../raw/absence.ts';
import { decodeExample } from '../records/example.ts';
import type { RecordDType } from '../records/record-dtype.ts';
import { createShardBuilder } from '../records/shard.ts';
import { readRecords } from '../records/tfrecord.ts';
import type { Preprocessor } from '../signal/preprocessor.ts';
import { AT_ONCE, mapAhead } from '../storage/ahead.ts';
import { CONTENTION, isOvertaken, readVersion, replaceVersion } from '../storage/conditional.ts';
import { encodeJson, readJson, readJsonIfPresent } from '../storage/json.ts';
import { retry } from '../storage/retry.ts';
import type { ObjectStore } from '../storage/store.ts';
import { hashIds, type LabelledRef, shardListSchema } from './plan/chunks.ts';
import { rowOf } from './plan/match.ts';
import type { Plan, Stores } from './plan/plan.ts';
import { preprocessSamples } from './signals.ts';
import { requirePlan, shardFields } from './state/manifest.ts';
import { shardListKey, shardResultKey } from './state/record-keys.ts';
import { type Rejection, rejectionListSchema } from './state/rejected.ts';

const madeSchema = v.object({ ...shardFields, rejected: rejectionListSchema });
/** The shard made from a chunk, and the samples of the chunk that were rejected. */
export type Made = v.InferOutput<typeof madeSchema>;

const resultSchema = v.object({
  ...madeSchema.entries,
  /** Version of the shard object. */
  etag: v.string(),
  /** Hashes of the sample ids (see hashIds), of the plan, and of the PSD file that whitened the shard. */
  ids: v.string(),
  plan: v.string(),
  psd: v.string(),
});
export type ShardResult = v.InferOutput<typeof resultSchema>;

/** The stored results of all shards of the plan, in their order. Throws ConflictError when some still have to be made. */
export async function requireResults(records: ObjectStore, plan: Plan, psd: string): Promise<ShardResult[]> {
  const results: ShardResult[] = [];
  const missing: number[] = [];
  const reads = mapAhead(plan.shards.keys(), AT_ONCE, (index) => readResult(records, plan, psd, index));
  for await (const result of reads) {
    if (result === undefined) missing.push(results.length + missing.length);
    else results.push(result);
  }
  if (missing.length === 0) return results;
  const which = `${missing.slice(0, 10).join(', ')}${missing.length > 10 ? ' ...' : ''}`;
  throw new ConflictError(
    `${missing.length} of ${plan.shards.length} shards of ${records.location} are missing (${which}). Run again: only the missing ones are made.`,
  );
}

/** Undefined if there is no result of these samples with this PSD, or if its shard is missing or was replaced. */
async function readResult(records: ObjectStore, { id, hash, shards }: Plan, psd: string, index: number) {
  const { name, samples, ids } = shards[index]!;
  const stored = await readJsonIfPresent(records, shardResultKey(id, index), resultSchema);
  const isOwn = stored?.plan === hash && stored.psd === psd && stored.ids === ids;
  if (!isOwn || stored.records + stored.rejected.length !== samples) return undefined;
  return (await records.head(name))?.etag === stored.etag ? stored : undefined;
}

/**
 * Makes shard `index` of the plan and stores its result. Returns the stored result if the shard was made before. `psd` is the
 * SHA-256 of the PSD file that `preprocessor` uses. Throws StoppedError when `stop` is aborted; nothing is written then.
 */
export async function preprocessChunk(
  { raw, records }: Stores,
  plan: Plan,
  { preprocessor, psd }: { preprocessor: Preprocessor; psd: string },
  index: number,
  stop?: Stop,
): Promise<ShardResult> {
  const stored = await readResult(records, plan, psd, index);
  if (stored !== undefined) return stored;
  const samples = await readJson(records, shardListKey(plan.id, index), shardListSchema);
  const { name } = plan.shards[index]!;
  const made = await retry(CONTENTION, isOvertaken, () => {
    const shard = makeShard(raw, name, samples, plan.settings.dtype, preprocessor, stop);
    return createShard(records, plan.id, samples, shard);
  });
  const result: ShardResult = { ...made, ids: hashIds(samples), plan: plan.hash, psd };
  // Replaces the result of another version of the shard. The result of a concurrent call describes the same one.
  await records.write(shardResultKey(plan.id, index), encodeJson(result));
  return result;
}

/**
 * Creates the shard. Throws PreconditionError or NotFoundError if another call is faster. A shard of that name may exist:
 * - An earlier call of this plan made it, perhaps from objects that were overwritten since. It stays.
 * - It belongs to a plan that was given up. It is replaced, unless this plan itself was given up, which is checked after the
 *   existing shard was read.
 */
async function createShard(
  records: ObjectStore,
  plan: string,
  samples: LabelledRef[],
  shard: Shard,
): Promise<Made & { etag: string }> {
  const found = await readVersion(records, shard.name);
  if (found === undefined) {
    // A bucket needs one request per piece.
    const bytes = records.folder === undefined ? await collect(shard.pieces) : shard.pieces;
    const { etag } = await records.write(shard.name, bytes, { ifAbsent: true, uncached: true });
    return { ...shard.result(), etag };
  }
  const bytes = await collect(shard.pieces);
  const own = shard.result();
  const made = compareShards(found.bytes, bytes, samples, own);
  if (made !== undefined) return { ...made, etag: found.etag };
  await requirePlan(records, plan);
  return { ...own, etag: await replaceVersion(records, own.name, found, bytes) };
}

/**
 * Describes the existing shard if it is an attempt at the same samples: all its records belong to them, and equal this call's
 * records wherever both have one. Undefined for any other shard.
 */
function compareShards(
  existing: Uint8Array,
  bytes: Uint8Array,
  samples: LabelledRef[],
  { name, rejected: ownRejected }: Made,
): Made | undefined {
  const frames = listFrames(existing, name);
  const ownFrames = listFrames(bytes, name);
  if (frames === undefined) return undefined;
  const reasons = new Map(ownRejected.map((row) => [row.id, row]));
  const unread = { reason: 'an earlier attempt could not read it', pending: true };
  const rejected: Rejection[] = [];
  for (const { ref } of samples) {
    const frame = frames.get(ref.id);
    if (frame === undefined) rejected.push(reasons.get(ref.id) ?? { ...rowOf(ref), ...unread });
    else if (Buffer.compare(ownFrames?.get(ref.id) ?? frame, frame) !== 0) return undefined;
  }
  const hash = sha256(existing).toString('hex');
  const made = { name, records: frames.size, bytes: existing.length, sha256: hash, rejected };
  return made.records + rejected.length === samples.length ? made : undefined;
}

/** A shard's records by id; undefined if the shard is broken, or if an id is missing or repeated. */
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

/** Samples per piece of a shard: 0.4 MB of records, which are hashed and written while the CPU caches hold them. */
const PIECE = 16;

export interface Shard {
  name: string;
  /** The bytes. All pieces use the same memory: use or copy a piece before taking the next one. */
  pieces: AsyncGenerator<Uint8Array>;
  /** Complete once all pieces have been taken. */
  result(): Made;
}

/** A shard of these samples, in their order. Its pieces throw StoppedError when `stop` is aborted. */
export function makeShard(
  raw: ObjectStore,
  name: string,
  samples: LabelledRef[],
  dtype: RecordDType,
  preprocessor: Preprocessor,
  stop?: Stop,
): Shard {
  const builder = createShardBuilder(dtype, PIECE + preprocessor.inputs.length);
  const hash = createHash('sha256');
  const rejected: Rejection[] = [];
  let bytes = 0;

  function finishPiece(): Uint8Array {
    const piece = builder.finish();
    hash.update(piece);
    bytes += piece.length;
    return piece;
  }

  async function* make(): AsyncGenerator<Uint8Array> {
    const refs = samples.map(({ ref }) => ref);
    let position = 0;
    let finished = 0;
    for await (const results of preprocessSamples(raw, refs, preprocessor, dtype, name, stop)) {
      for (const result of results) {
        const { ref, label } = samples[position++]!;
        if (typeof result !== 'string') builder.add(ref.id, label, result);
        else {
          // A missing or overwritten object was not read.
          const version = isAbsent(result) ? { pending: true } : { etag: ref.etag };
          rejected.push({ ...rowOf(ref), reason: result, ...version });
        }
      }
      if (builder.count - finished < PIECE) continue;
      finished = builder.count;
      yield finishPiece();
      // Lets the writes of other shards continue.
      await setImmediate();
    }
    yield finishPiece();
  }

  return {
    name,
    pieces: make(),
    result: () => ({ name, records: builder.count, bytes, sha256: hash.copy().digest('hex'), rejected }),
  };
}

/** All bytes of a shard in one array. */
export async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const copies: Uint8Array[] = [];
  for await (const piece of pieces) copies.push(new Uint8Array(piece));
  return Buffer.concat(copies);
}
