import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { SAMPLE_LENGTH, SAMPLE_SIZE } from '../../src/core/strain.ts';
import { createBandpass } from '../../src/signal/bandpass.ts';
import { designBandpass } from '../../src/signal/butterworth.ts';
import { normalize } from '../../src/signal/normalize.ts';
import { createPreprocessor } from '../../src/signal/preprocessor.ts';
import { createPsdEstimator } from '../../src/signal/psd.ts';
import { createWhitener } from '../../src/signal/whiten.ts';
import { tukey } from '../../src/signal/windows.ts';
import { fixture } from '../support/fixtures.ts';
import { difference, readArrays, relativeDifference } from './arrays.ts';
import { ENGINES } from './engines.ts';

const SAMPLES = [0, 1, 2, 3];
const ROWS = [0, 1, 2];
const sampleOf = (array: Float64Array, i: number) => array.subarray(i * SAMPLE_SIZE, (i + 1) * SAMPLE_SIZE);

describe("compared with SciPy's stages of four samples", () => {
  let golden: Awaited<ReturnType<typeof readArrays>>;
  before(async () => {
    golden = await readArrays(fixture('golden.npz'));
  });

  /** The largest difference of a stage over all samples, relative to the stage's largest value. */
  const compareStage = (
    name: string,
    compute: (strain: Float64Array, row: number) => Float64Array,
  ): number => {
    const raw = golden('raw');
    const expected = golden(name);
    const differences = SAMPLES.map((i) => {
      const actual = ROWS.flatMap((row) => Array.from(compute(sampleOf(raw, i), row)));
      return difference(actual, sampleOf(expected, i));
    });
    return Math.max(...differences);
  };

  const none = new Float64Array(SAMPLE_LENGTH).fill(1);
  const createWhitened = () => {
    const bandpass = createBandpass(tukey(SAMPLE_LENGTH, 0.5));
    const whiten = createWhitener(golden('avg_psd'));
    return (strain: Float64Array, row: number) => whiten(bandpass(strain, row), row);
  };

  test('the band-passed strain agrees', () => {
    assert.ok(compareStage('bandpass', createBandpass(none)) < 1e-9);
  });

  test('the whitened strain agrees', () => {
    assert.ok(compareStage('whitened', createWhitened()) < 1e-9);
  });

  test('the windowed strain agrees', () => {
    const whitened = createWhitened();
    const windowed = (strain: Float64Array, row: number) => {
      const points = whitened(strain, row);
      normalize(points, tukey(SAMPLE_LENGTH, 0.2), new Float32Array(SAMPLE_LENGTH), 0);
      return points;
    };
    assert.ok(compareStage('windowed', windowed) < 1e-9);
  });

  for (const engine of ENGINES) {
    // Float64 to the end, or float32 after the band-pass.
    const limit = engine.name === 'javascript' ? 1e-6 : 1e-5;

    test(`the output of the ${engine.name} engine agrees`, () => {
      const { process } = createPreprocessor(golden('avg_psd'), engine);
      for (const i of SAMPLES) {
        const out = new Float32Array(SAMPLE_SIZE);
        assert.equal(process(sampleOf(golden('raw'), i), out), undefined);
        assert.ok(difference(out, sampleOf(golden('final'), i), 1) < limit);
        assert.ok(!(difference(out, sampleOf(golden('final'), (i + 1) % 4), 1) < limit));
      }
    });

    test(`the power spectrum of one sample by the ${engine.name} engine agrees bin by bin`, () => {
      const estimator = createPsdEstimator(engine);
      estimator.add(sampleOf(golden('raw'), 0));
      const psd = estimator.sum.map((power) => power / (2048 * 4096));
      assert.ok(difference(psd, golden('psd_raw_first')) < 1e-14);
      assert.ok(relativeDifference(psd, golden('psd_raw_first')) < 1e-9);
    });
  }

  test('the comparison of stages notices one point off by 1e-4, a swap of detectors and NaN', () => {
    const bandpass = createBandpass(none);
    const disturbed = (strain: Float64Array, row: number) => {
      const points = Float64Array.from(bandpass(strain, row));
      points[100]! *= 1 + 1e-4;
      return points;
    };
    assert.ok(!(compareStage('bandpass', disturbed) < 1e-9));
    assert.ok(!(compareStage('bandpass', (strain, row) => bandpass(strain, 2 - row)) < 1e-9));
    assert.ok(!(compareStage('bandpass', () => none.map(() => Number.NaN)) < 1e-9));
  });

  test('the filter is that of scipy.signal.butter', () => {
    const { gain, sections } = designBandpass(4, 20, 500, 2048);
    const multiply = (p: number[], q: number[]) => {
      const product = new Array<number>(p.length + q.length - 1).fill(0);
      for (const [i, a] of p.entries()) for (const [j, b] of q.entries()) product[i + j]! += a * b;
      return product;
    };
    const b = sections.reduce((product) => multiply(product, [1, 0, -1]), [gain]);
    const a = sections.reduce((product, { a1, a2 }) => multiply(product, [1, a1, a2]), [1]);
    assert.ok(difference(b, golden('b')) < 1e-12);
    assert.ok(difference(a, golden('a')) < 1e-12);
    // The steady state in which all outputs are 0, as the state that lfilter_zi returns for a (b, a) filter.
    const zi = b.slice(1).map((_, i) => b.slice(i + 1).reduce((sum, value) => sum + value, 0));
    assert.ok(difference(zi, golden('zi')) < 1e-9);
  });
});
