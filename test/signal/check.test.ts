import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InputError } from '../../src/core/errors.ts';
import { SAMPLE_LENGTH, SAMPLE_SIZE, SPECTRUM_LENGTH } from '../../src/core/strain.ts';
import { strainFault } from '../../src/signal/check.ts';
import { createPreprocessor } from '../../src/signal/preprocessor.ts';
import { averagePsd, createPsdEstimator, mergePsdSums } from '../../src/signal/psd.ts';
import { RECIPE, recipeHash } from '../../src/signal/recipe.ts';
import { ENGINES } from './engines.ts';
import { createNormal, whiteNoise } from './noise.ts';

const good = whiteNoise(createNormal(21));
const psd = new Float64Array(3 * SPECTRUM_LENGTH).fill(1e-45);
/** The good sample with one stretch of points set to a value. */
const spoil = (value: number, from: number, length = 1) =>
  Float64Array.from(good).fill(value, from, from + length);

const FAULTS = [
  ['a NaN', spoil(Number.NaN, 17), 'NaN or Inf at H1[17]'],
  ['a NaN at the very start', spoil(Number.NaN, 0), 'NaN or Inf at H1[0]'],
  ['an infinite last point', spoil(Number.NEGATIVE_INFINITY, SAMPLE_SIZE - 1), 'NaN or Inf at V1[4095]'],
  ['an infinite first point of L1', spoil(Number.POSITIVE_INFINITY, SAMPLE_LENGTH), 'NaN or Inf at L1[0]'],
  ['nothing but NaN', spoil(Number.NaN, 0, SAMPLE_SIZE), 'NaN or Inf at H1[0]'],
  ['a zero detector', spoil(0, 2 * SAMPLE_LENGTH, SAMPLE_LENGTH), 'V1 is all zero'],
  ['a constant detector', spoil(2e-21, SAMPLE_LENGTH, SAMPLE_LENGTH), 'L1 is constant'],
  ['one detector too few', good.slice(SAMPLE_LENGTH), '8192 points instead of 12288'],
] as const;

describe('a sample that cannot be used', () => {
  for (const [what, strain, fault, engine] of FAULTS.flatMap((each) =>
    ENGINES.map((engine) => [...each, engine] as const),
  )) {
    test(`with ${what} gets the same reason from the check and the ${engine.name} engine`, () => {
      const estimator = createPsdEstimator(engine);
      estimator.add(good);
      const sum = Float64Array.from(estimator.sum);
      assert.equal(strainFault(strain), fault);
      assert.equal(createPreprocessor(psd, engine).process(strain, new Float32Array(SAMPLE_SIZE)), fault);
      assert.equal(estimator.add(strain), fault);
      assert.equal(estimator.count, 1);
      assert.deepEqual(estimator.sum, sum);
    });
  }

  test('is one whose squares overflow', () => {
    const strain = good.map((value) => value * 1e190);
    assert.equal(strainFault(strain), undefined);
    for (const engine of ENGINES) {
      const fault = createPreprocessor(psd, engine).process(strain, new Float32Array(SAMPLE_SIZE));
      assert.equal(fault, 'H1 overflows in preprocessing');
      assert.equal(createPsdEstimator(engine).add(strain), 'H1 overflows in the PSD estimate');
    }
  });
});

describe('a sample that looks odd but is fine', () => {
  for (const [what, strain] of [
    ['as it came', good],
    ['with zeros in all but one point of a detector', spoil(0, 1, SAMPLE_LENGTH - 1)],
    ['so faint that nothing is left of it', good.map((value) => value * 1e-100)],
  ] as const) {
    test(`${what}, gives finite output`, () => {
      assert.equal(strainFault(strain), undefined);
      for (const engine of ENGINES) {
        const out = new Float32Array(SAMPLE_SIZE).fill(Number.NaN);
        assert.equal(createPreprocessor(psd, engine).process(strain, out), undefined);
        assert.ok(out.every(Number.isFinite));
      }
    });
  }
});

describe('a PSD', () => {
  const needed = { needed: '(3, 2049) finite values >= 0' };

  test('of another length, or with a negative, NaN or infinite value, is refused with the place of the value', () => {
    const found = (broken: Float64Array) => {
      assert.throws(
        () => createPreprocessor(broken),
        (error) => {
          assert.ok(error instanceof InputError);
          assert.equal(error.fields.object, 'avg_psd');
          assert.equal(error.fields.needed, needed.needed);
          return true;
        },
      );
      try {
        createPreprocessor(broken);
      } catch (error) {
        return error instanceof InputError ? error.fields.found : undefined;
      }
    };
    assert.equal(found(psd.slice(1)), '6146 values');
    assert.equal(found(psd.with(2, -1)), '-1 at H1[2]');
    assert.equal(found(psd.with(SPECTRUM_LENGTH, Number.NaN)), 'NaN at L1[0]');
    assert.equal(found(psd.with(psd.length - 1, Number.POSITIVE_INFINITY)), 'Infinity at V1[2048]');
  });

  test('sum that is broken is refused with its index', () => {
    assert.throws(() => mergePsdSums([psd, psd.with(5, Number.NaN)]), {
      message: 'PSD sum 1: found NaN at H1[5], needed (3, 2049) finite values >= 0',
    });
  });

  test('of no samples at all is refused', () => {
    assert.throws(() => averagePsd(psd, 0), InputError);
  });

  test('never falls below the floor', () => {
    assert.ok(averagePsd(new Float64Array(psd.length), 3).every((value) => value === 1e-50));
  });

  test('of zeros whitens to finite output', () => {
    const out = new Float32Array(SAMPLE_SIZE);
    assert.equal(createPreprocessor(new Float64Array(psd.length)).process(good, out), undefined);
    assert.ok(out.every(Number.isFinite));
  });
});

describe('the recipe', () => {
  test('has the hash that its records have', () => {
    assert.equal(recipeHash(), '6c647b72568d0c32c218845b1de9cfa18b6f2d14c600082515fa787ee7cf23b1');
  });

  test('has another hash when one number differs, but not when the keys are reordered', () => {
    assert.notEqual(recipeHash({ ...RECIPE, psd: { ...RECIPE.psd, taper: 0.4 } }), recipeHash());
    assert.equal(recipeHash(Object.fromEntries(Object.entries(RECIPE).reverse())), recipeHash());
  });
});
