/** Plots a raw sample. */
import { correlatePairs } from '../artifacts/charts/correlation.ts';
import { plotSample } from '../artifacts/charts/sample-plot.ts';
import { InputError, SettingError } from '../core/errors.ts';
import type { Psd, Strain } from '../core/strain.ts';
import { catalogFile } from '../raw/catalog.ts';
import { readSamples } from '../raw/samples.ts';
import { averagePsd, createPsdEstimator } from '../signal/psd.ts';
import { traceStages } from '../signal/sample-stages.ts';
import type { ObjectStore } from '../storage/store.ts';
import { isRawFile } from './inspection.ts';

/**
 * A PNG of one raw sample at each stage of preprocessing. `wanted` is the sample's id; default: the file's first sample.
 * Without `psd`, the sample is whitened by its own spectrum.
 *
 * Throws InputError when the sample is broken, SettingError when the file doesn't hold it or holds no raw samples.
 */
export async function plotFile(
  store: ObjectStore,
  key: string,
  { wanted, psd }: { wanted?: string | undefined; psd?: Psd | undefined } = {},
): Promise<Uint8Array> {
  if (!isRawFile(key)) {
    throw new SettingError(`${key}: only raw samples (.npy, .npz, .tar) can be plotted`);
  }
  const { refs } = await catalogFile(store, key);
  const chosen = wanted === undefined ? refs.slice(0, 1) : refs.filter(({ id }) => id === wanted);
  if (chosen.length === 0) throw new SettingError(`${key} holds no sample ${wanted ?? ''}`.trimEnd());
  for await (const { ref, strain, reason } of readSamples(store, chosen)) {
    const stages = reason ?? traceStages(strain, psd ?? ownSpectrum(strain));
    if (typeof stages === 'string') {
      throw new InputError({
        object: `${store.location}${key}`,
        found: stages,
        needed: 'a sample that can be preprocessed',
      });
    }
    return plotSample({ id: ref.id, raw: strain!, ...stages, correlations: correlatePairs(stages.whitened) });
  }
  throw new Error('a sample was neither read nor rejected');
}

function ownSpectrum(strain: Strain): Psd {
  const estimator = createPsdEstimator();
  estimator.add(strain);
  return averagePsd(estimator.sum, Math.max(estimator.count, 1));
}
