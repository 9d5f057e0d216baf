/**
 * The average PSD of the noise samples: partial sums over fixed chunks, added in the order of the chunks. Floating-point
 * addition isn't associative; with this order the result doesn't depend on the number of workers or on which one is first.
 */

import { InputError } from '../core/errors.ts';
import { sha256 } from '../core/sha256.ts';
import { type Stop, stopIfAborted } from '../core/stop.ts';
import { DETECTORS, type Psd, SPECTRUM_LENGTH } from '../core/strain.ts';
import { encodeNpy, parseNpy } from '../numpy/npy.ts';
import { readNpz, writeNpz } from '../numpy/npz.ts';
import { createSampleReader } from '../raw/samples.ts';
import { requirePsd } from '../signal/check.ts';
import { averagePsd, createPsdEstimator, mergePsdSums } from '../signal/psd.ts';
import { AT_ONCE, mapAhead } from '../storage/ahead.ts';
import { putIfAbsent } from '../storage/conditional.ts';
import { readJson } from '../storage/json.ts';
import type { ObjectStore } from '../storage/store.ts';
import { psdListSchema } from './plan/chunks.ts';
import type { Plan, Stores } from './plan/plan.ts';
import { giveUpPlan } from './state/manifest.ts';
import { psdListKey, psdPartialKey } from './state/record-keys.ts';

const SHAPE = [DETECTORS.length, SPECTRUM_LENGTH];

/**
 * Sums the periodograms of one chunk of a plan's noise samples. Stores the number of samples and the sum as one array, unless a
 * result exists. Skips broken samples; preprocessing reports them.
 * Throws StoppedError when `stop` is aborted; nothing is written then.
 */
export async function sumPsdChunk(
  { raw, records }: Stores,
  plan: string,
  index: number,
  stop?: Stop,
): Promise<void> {
  const key = psdPartialKey(plan, index);
  if ((await records.head(key)) !== undefined) return;
  const refs = await readJson(records, psdListKey(plan, index), psdListSchema);
  const estimator = createPsdEstimator();
  const reader = createSampleReader(raw, refs);
  for (let done = 0; ; ) {
    const reasons = await reader.read(estimator.inputs);
    if (reasons.length === 0) break;
    stopIfAborted(stop, `PSD chunk ${index}`, done, refs.length);
    done += reasons.length;
    const good = reasons.filter((reason) => reason === undefined).length;
    estimator.addBlock(estimator.inputs.slice(0, good));
  }
  const { sum, count } = estimator;
  const data = Float64Array.of(count, ...sum);
  const bytes = encodeNpy({ dtype: '<f8', shape: [data.length], data });
  await putIfAbsent(records, key, bytes);
}

/** Averages the partial sums into the plan's PSD, unless it exists: all shards of a plan have the same PSD. */
export async function reducePsd(stores: Stores, plan: Plan): Promise<void> {
  if ((await stores.records.head(plan.psd)) !== undefined) return;
  const sums: Psd[] = [];
  let count = 0;
  const partials = mapAhead(Array(plan.psdChunks).keys(), AT_ONCE, async (index) => {
    const key = psdPartialKey(plan.id, index);
    return parseNpy(await stores.records.read(key), `${stores.records.location}${key}`);
  });
  for await (const { dtype, data } of partials) {
    if (dtype !== '<f8') throw new Error(`a partial sum has dtype ${dtype}, needed <f8`);
    count += data[0]!;
    sums.push(data.subarray(1));
  }
  if (count === 0) {
    // Files that are fixed now are new versions, which this plan can't use.
    await giveUpPlan(stores.records, plan.id);
    throw new InputError({
      object: stores.raw.location,
      found: 'no readable sample among the noise samples chosen for the PSD',
      needed: 'at least one',
      advice: 'Check the files of the samples with target 0, or use an existing PSD (--psd)',
    });
  }
  await putIfAbsent(stores.records, plan.psd, await encodePsd(averagePsd(mergePsdSums(sums), count)));
}

export interface PsdFile {
  psd: Psd;
  bytes: Uint8Array;
  sha256: string;
}

/** avg_psd.npz as the Python pipeline's readers expect it. */
export function encodePsd(psd: Psd): Promise<Uint8Array> {
  return writeNpz({ avg_psd: { dtype: '<f8', shape: SHAPE, data: psd } }, { compress: true });
}

/** Reads and checks an average PSD: key `avg_psd`, shape (3, 2049), finite and not negative. */
export async function readPsd(store: ObjectStore, key: string): Promise<PsdFile> {
  const bytes = await store.read(key);
  const object = `${store.location}${key}`;
  const array = (await readNpz(bytes, object)).get('avg_psd');
  const needed = `an array avg_psd of dtype float64 and shape (${SHAPE.join(', ')})`;
  if (array === undefined) throw new InputError({ object, found: 'no such array', needed });
  if (array.dtype !== '<f8' || array.shape.join() !== SHAPE.join()) {
    throw new InputError({ object, found: `${array.dtype} of shape (${array.shape.join(', ')})`, needed });
  }
  const psd = array.data as Float64Array;
  requirePsd(psd, object);
  return { psd, bytes, sha256: sha256(bytes).toString('hex') };
}
