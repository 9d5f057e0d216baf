import { InputError } from '../core/errors.ts';
import type { Psd, Strain } from '../core/strain.ts';
import { encodePsd, readPsd as readStored } from '../preprocess/average-psd.ts';
import { requirePsd } from '../signal/check.ts';
import { averagePsd, createPsdEstimator } from '../signal/psd.ts';
import { splitLocation } from '../storage/location.ts';
import { openStore } from '../storage/open.ts';

/**
 * Estimates the average power spectral density of noise: the mean of |rfft(strain * Tukey window)|^2 / (rate * length), smoothed
 * over 5 bins (RECIPE.psd), as the published G2Net pipeline computes it. The samples must hold noise only.
 *
 * @param samples strain of shape (3, 4096), dimensionless, as readSamples gives it. Each array is read once, and may be reused.
 * @returns shape (3, 2049): one-sided, 0 to 1024 Hz in steps of 0.5 Hz, in strain^2/Hz up to a constant factor; never 0.
 * @throws InputError when a sample can't be used (NaN, a detector without data, another length), naming its position, or when
 * there is none.
 *
 * @example
 * import { estimatePsd, readSamples } from 'chirpline';
 *
 * async function* noise() {
 *   for await (const { target, strain } of readSamples('raw')) if (strain && target === 0) yield strain;
 * }
 * const psd = await estimatePsd(noise());
 * console.log('H1 at 100 Hz:', psd[200]);
 */
export async function estimatePsd(samples: Iterable<Strain> | AsyncIterable<Strain>): Promise<Psd> {
  const estimator = createPsdEstimator();
  for await (const strain of samples) {
    const found = estimator.add(strain);
    if (found === undefined) continue;
    throw new InputError({ object: `noise sample ${estimator.count}`, found, needed: 'usable strain' });
  }
  return averagePsd(estimator.sum, estimator.count);
}

/**
 * Reads an avg_psd.npz: the array `avg_psd`, float64, shape (3, 2049).
 *
 * @param file a path or `s3://bucket/key`.
 * @returns see estimatePsd.
 * @throws InputError when it holds no such array, or values that are negative or not finite. NotFoundError when it is missing.
 *
 * @example
 * import { readPsd } from 'chirpline';
 *
 * const psd = await readPsd('records/avg_psd.npz');
 * console.log(psd.length === 3 * 2049);
 */
export async function readPsd(file: string): Promise<Psd> {
  const { folder, key } = splitLocation(file);
  return (await readStored(openStore(folder), key)).psd;
}

/**
 * Writes an avg_psd.npz that readPsd, NumPy and `chirpline preprocess --psd` read.
 *
 * @param file a path or `s3://bucket/key`.
 * @param psd shape (3, 2049), see estimatePsd.
 * @throws InputError when it has another length, or values that are negative or not finite. MachineError when it can't be written.
 *
 * @example
 * import { readPsd, writePsd } from 'chirpline';
 *
 * const psd = await readPsd('records/avg_psd.npz');
 * await writePsd('louder.npz', psd.map((power) => 4 * power));
 */
export async function writePsd(file: string, psd: Psd): Promise<void> {
  requirePsd(psd, file);
  const { folder, key } = splitLocation(file);
  await openStore(folder).write(key, await encodePsd(psd));
}
