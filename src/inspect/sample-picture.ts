/** Plots a sample of a file: a raw one at all stages of preprocessing, or a record. */
import { correlatePairs } from '../artifacts/charts/correlation.ts';
import { plotSample, type Stage } from '../artifacts/charts/sample-plot.ts';
import { InputError, SettingError } from '../core/errors.ts';
import { type Psd, SAMPLE_SIZE, type Strain } from '../core/strain.ts';
import { catalogFile } from '../raw/catalog.ts';
import { readSamples } from '../raw/samples.ts';
import { decodeExample } from '../records/example.ts';
import { decodeSignal } from '../records/record-dtype.ts';
import { checkSignal, describeNonFinite } from '../records/shard.ts';
import { streamRecords } from '../records/tfrecord.ts';
import { averagePsd, createPsdEstimator } from '../signal/psd.ts';
import { traceStages } from '../signal/sample-stages.ts';
import type { ObjectStore } from '../storage/store.ts';
import { isRawFile } from './inspection.ts';
import { timeFrequencyMaps } from './time-frequency.ts';

interface PlotOptions {
  /** Id of the sample; default: the file's first sample. */
  wanted?: string | undefined;
  /** PSD to whiten a raw sample with; default: its own spectrum. */
  psd?: Psd | undefined;
}

/**
 * A PNG of one sample.
 *
 * Throws InputError when the sample is broken, SettingError when the file doesn't hold it, holds neither raw samples nor records,
 * or holds records although a PSD is given.
 */
export async function plotFile(
  store: ObjectStore,
  key: string,
  { wanted, psd }: PlotOptions = {},
): Promise<Uint8Array> {
  if (isRawFile(key)) return plotRaw(store, key, wanted, psd);
  if (!key.endsWith('.tfrecord'))
    throw new SettingError(
      `${key}: only raw samples (.npy, .npz, .tar) and records (.tfrecord) can be plotted`,
    );
  if (psd !== undefined) throw new SettingError(`${key}: records are whitened already: omit --psd`);
  return plotRecord(store, key, wanted);
}

async function plotRaw(
  store: ObjectStore,
  key: string,
  wanted: string | undefined,
  psd: Psd | undefined,
): Promise<Uint8Array> {
  const { refs } = await catalogFile(store, key);
  const chosen = wanted === undefined ? refs.slice(0, 1) : refs.filter(({ id }) => id === wanted);
  for await (const { ref, strain, reason } of readSamples(store, chosen)) {
    const stages = reason ?? traceStages(strain, psd ?? ownSpectrum(strain));
    if (typeof stages === 'string') {
      throw new InputError({
        object: `${store.location}${key}`,
        found: stages,
        needed: 'a sample that can be preprocessed',
      });
    }
    const { bandpassed, whitened, normalized } = stages;
    return draw(ref.id, normalized, [
      { name: 'raw', quantity: 'strain', values: strain! },
      { name: 'band-passed', quantity: 'strain', values: bandpassed },
      { name: 'whitened', quantity: 'whitened strain', values: whitened },
    ]);
  }
  throw absent(key, wanted);
}

async function plotRecord(store: ObjectStore, key: string, wanted: string | undefined): Promise<Uint8Array> {
  const object = `${store.location}${key}`;
  for await (const { data, offset } of streamRecords(store.stream(key), object)) {
    const { id = '', signal } = decodeExample(data, object, offset);
    if (wanted !== undefined && id !== wanted) continue;
    const values = new Float32Array(SAMPLE_SIZE);
    decodeSignal(signal, checkSignal(signal, object, offset), values);
    const bad = describeNonFinite(values);
    if (bad !== undefined) throw new InputError({ object, offset, found: bad, needed: 'finite values' });
    return draw(id, values);
  }
  throw absent(key, wanted);
}

function draw(id: string, normalized: Float32Array, earlier: readonly Stage[] = []): Uint8Array {
  const stages = [...earlier, { name: 'normalized', quantity: 'standard deviations', values: normalized }];
  return plotSample({
    id,
    stages,
    maps: timeFrequencyMaps(normalized),
    correlations: correlatePairs(normalized),
  });
}

function absent(key: string, wanted: string | undefined): SettingError {
  return new SettingError(`${key} holds no sample ${wanted ?? ''}`.trimEnd());
}

function ownSpectrum(strain: Strain): Psd {
  const estimator = createPsdEstimator();
  estimator.add(strain);
  return averagePsd(estimator.sum, Math.max(estimator.count, 1));
}
