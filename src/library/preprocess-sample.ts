import { InputError } from '../core/errors.ts';
import { type Psd, SAMPLE_SIZE, type Strain } from '../core/strain.ts';
import { createPreprocessor as createWithBuffers } from '../signal/preprocessor.ts';

/**
 * Makes a function that turns strain into the input of the network, by the recipe of the published G2Net pipeline (RECIPE):
 * band-pass 20-500 Hz, whitening by the PSD, Tukey window, normalization. `chirpline preprocess` gives the same numbers.
 *
 * @param psd of the noise, shape (3, 2049); see estimatePsd.
 * @returns a function from strain, shape (3, 4096), dimensionless, which isn't modified, to a new array of that shape: mean 0 and
 * standard deviation 1 for each detector. It throws InputError for strain that can't be used (NaN, a detector without data).
 * @throws InputError when the PSD has another length, or values that are negative or not finite.
 *
 * @example
 * import { createPreprocessor, readPsd, readSamples } from 'chirpline';
 *
 * const preprocess = createPreprocessor(await readPsd('records/avg_psd.npz'));
 * for await (const { id, strain } of readSamples('raw')) {
 *   if (strain) console.log(id, Math.max(...preprocess(strain)));
 * }
 */
export function createPreprocessor(psd: Psd): (strain: Strain) => Float32Array {
  const preprocessor = createWithBuffers(psd);
  return (strain) => {
    const out = new Float32Array(SAMPLE_SIZE);
    const found = preprocessor.process(strain, out);
    if (found !== undefined) throw new InputError({ object: 'the sample', found, needed: 'usable strain' });
    return out;
  };
}
