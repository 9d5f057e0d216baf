import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeFloat16, encodeFloat16 } from '../../src/float16.ts';
import { chooseEngine, findEngine } from '../../src/signal/engines.ts';
import { createPreprocessor } from '../../src/signal/preprocess.ts';
import { averagePsd, createPsdEstimator } from '../../src/signal/psd.ts';
import { createSimulator } from '../../src/simulate/simulator.ts';
import { SAMPLE_LENGTH, SAMPLE_SIZE, type Strain } from '../../src/strain.ts';
import { difference, relativeDifference } from './arrays.ts';
import { ENGINES, JAVASCRIPT, WEBASSEMBLY, WebAssembly } from './engines.ts';
import { createNormal, redNoise } from './noise.ts';

const SAMPLES = 240;

const simulator = createSimulator({ seed: 3, snrMedian: 15 });
const samples = Array.from({ length: SAMPLES }, (_, index) => {
  const strain = new Float64Array(SAMPLE_SIZE);
  simulator.sample(index, strain);
  return strain;
});

function estimate(engine: typeof WEBASSEMBLY, strains: Strain[]) {
  const estimator = createPsdEstimator(engine);
  for (let i = 0; i < strains.length; i += estimator.blockSize) {
    estimator.addBlock(strains.slice(i, i + estimator.blockSize));
  }
  assert.equal(estimator.count, strains.length);
  return averagePsd(estimator.sum, estimator.count);
}

const psd = estimate(JAVASCRIPT, samples);

/** A copy of what the engine makes of each sample of a block. */
function processBlock(block: Strain[], type: 'float16' | 'float32', engine = WEBASSEMBLY) {
  const results = createPreprocessor(psd, engine).processBlock(block, type);
  return results.map((result) => (typeof result === 'string' ? result : Buffer.from(result)));
}

function floats(bytes: Buffer | string | undefined): Float32Array {
  assert.ok(bytes instanceof Buffer, String(bytes));
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

describe('the engine', () => {
  test('is WebAssembly here, and JavaScript where there is none or it has no vectors', () => {
    assert.equal(chooseEngine().name, 'webassembly');
    assert.equal(chooseEngine(), chooseEngine());
    assert.equal(createPreprocessor(psd).engine, 'webassembly');
    assert.equal(findEngine(undefined).name, 'javascript');
    const without = new Proxy(WebAssembly, {
      get: (api, name) => (name === 'validate' ? () => false : Reflect.get(api, name)),
    });
    assert.equal(findEngine(without).name, 'javascript');
    assert.equal(findEngine(WebAssembly).name, 'webassembly');
  });
});

describe(`the kernels against fft.js on ${SAMPLES} simulated samples`, () => {
  const reference = createPreprocessor(psd, JAVASCRIPT);
  const kernels = createPreprocessor(psd, WEBASSEMBLY);
  const pairs = Array.from({ length: SAMPLES / 2 }, (_, i) => samples.slice(2 * i, 2 * i + 2));

  test('give float32 within 1e-6, and float16 that differs in rounding only', () => {
    const halves = new Float32Array(SAMPLE_SIZE);
    const rounded = new Uint8Array(SAMPLE_SIZE * 2);
    let differing = 0;
    for (const pair of pairs) {
      const wide = kernels.processBlock(pair, 'float32').map((result) => floats(Buffer.from(result)));
      const narrow = kernels.processBlock(pair, 'float16');
      for (const [lane, strain] of pair.entries()) {
        const [expected] = reference.processBlock([strain], 'float32');
        const numbers = floats(Buffer.from(expected!));
        assert.ok(difference(wide[lane]!, numbers, 1) < 1e-6);
        // The kernels round their own float32 as encodeFloat16 does, to the bit.
        const bytes = narrow[lane];
        assert.ok(bytes instanceof Uint8Array);
        encodeFloat16(wide[lane]!, rounded, 0);
        assert.equal(Buffer.compare(bytes, rounded), 0);
        encodeFloat16(numbers, rounded, 0);
        for (let i = 0; i < rounded.length; i += 2) {
          if (bytes[i] !== rounded[i] || bytes[i + 1] !== rounded[i + 1]) differing += 1;
        }
        decodeFloat16(bytes, halves);
        assert.ok(difference(halves, numbers, 1) < 0.04);
      }
    }
    // The engines agree to some 1e-13 of the deviation; a half differs where the middle of two lies in between.
    assert.ok(differing <= 3, `${differing} of ${SAMPLES * SAMPLE_SIZE} halves differ`);
  });

  test('round to float16 as encodeFloat16 does where the numbers are tiny or large', () => {
    // One sharp line: nearly all power in a few points gives large and tiny numbers.
    const strain = new Float64Array(SAMPLE_SIZE);
    for (let row = 0; row < 3; row += 1) strain[row * SAMPLE_LENGTH + 2048] = 1e-19;
    const [wide] = processBlock([strain], 'float32');
    const [narrow] = processBlock([strain], 'float16');
    const numbers = floats(wide);
    assert.ok(numbers.some((value) => value !== 0 && Math.abs(value) < 2 ** -14));
    assert.ok(numbers.some((value) => Math.abs(value) > 30));
    const rounded = new Uint8Array(SAMPLE_SIZE * 2);
    encodeFloat16(numbers, rounded, 0);
    assert.equal(Buffer.compare(Buffer.from(narrow!), rounded), 0);
  });

  test('give the same PSD within 1e-12, in every bin', () => {
    assert.ok(relativeDifference(estimate(WEBASSEMBLY, samples), psd) < 1e-12);
    assert.ok(!(relativeDifference(estimate(WEBASSEMBLY, samples.slice(1)), psd) < 1e-12));
  });
});

describe('a sample', () => {
  const normal = createNormal(5);
  const [strain, neighbour] = [redNoise(normal), redNoise(normal)] as const;
  const neighbours: [string, Strain][] = [
    ['another sample', neighbour],
    ['itself', strain],
    ['NaN', neighbour.map(() => Number.NaN)],
    ['a NaN', neighbour.with(5000, Number.NaN)],
    ['an Inf', neighbour.with(0, Number.NEGATIVE_INFINITY)],
    ['numbers whose squares overflow', neighbour.map((value) => value * 1e190)],
    ['numbers 1e60 times as large', neighbour.map((value) => value * 1e60)],
    ['subnormal numbers', neighbour.map((value) => value * 1e-290)],
    ['zeros', new Float64Array(SAMPLE_SIZE)],
  ];
  const alone = { float16: processBlock([strain], 'float16'), float32: processBlock([strain], 'float32') };
  const estimated = createPsdEstimator(WEBASSEMBLY);
  estimated.add(strain);

  for (const [what, other] of neighbours) {
    test(`beside ${what} gives the bytes that it gives alone, in either lane`, () => {
      for (const type of ['float16', 'float32'] as const) {
        assert.deepEqual(processBlock([strain, other], type)[0], alone[type][0]);
        assert.deepEqual(processBlock([other, strain], type)[1], alone[type][0]);
      }
    });

    test(`beside ${what} adds to the PSD as one after the other does`, () => {
      for (const block of [
        [strain, other],
        [other, strain],
      ]) {
        const apart = createPsdEstimator(WEBASSEMBLY);
        const faults = block.map((each) => apart.add(each));
        const together = createPsdEstimator(WEBASSEMBLY);
        assert.deepEqual(together.addBlock(block), faults);
        assert.equal(together.count, apart.count);
        assert.deepEqual(together.sum, apart.sum);
      }
    });
  }

  test('with one point changed in the last digits gives other bytes: the comparison can fail', () => {
    const changed = strain.with(2000, strain[2000]! * (1 + 1e-6));
    assert.notDeepEqual(processBlock([changed, neighbour], 'float32')[0], alone.float32[0]);
    assert.notDeepEqual(createPsdEstimatorOf(changed).sum, estimated.sum);
  });

  test('gives the same faults in a block as alone, on both engines', () => {
    for (const [, other] of neighbours) {
      const faults = ENGINES.map((engine) => processBlock([other], 'float32', engine)[0]).map((result) =>
        typeof result === 'string' ? result : undefined,
      );
      assert.equal(faults[0], faults[1]);
      const [, second] = processBlock([strain, other], 'float32');
      assert.equal(typeof second === 'string' ? second : undefined, faults[0]);
    }
  });
});

test('blocks allocate no memory that grows', () => {
  const preprocessor = createPreprocessor(psd, WEBASSEMBLY);
  const estimator = createPsdEstimator(WEBASSEMBLY);
  const block = samples.slice(0, 2);
  const step = () => {
    preprocessor.processBlock(block, 'float16');
    estimator.addBlock(block);
  };
  for (let i = 0; i < 200; i += 1) step();
  const before = process.memoryUsage();
  for (let i = 0; i < 500; i += 1) step();
  const after = process.memoryUsage();
  // The output of 1,000 samples is 25 MB, their strain 98 MB.
  assert.ok(after.arrayBuffers - before.arrayBuffers < 1e6, `${after.arrayBuffers - before.arrayBuffers}`);
  assert.ok(after.heapUsed - before.heapUsed < 5e6, `${after.heapUsed - before.heapUsed}`);
});

function createPsdEstimatorOf(strain: Strain) {
  const estimator = createPsdEstimator(WEBASSEMBLY);
  estimator.add(strain);
  return estimator;
}
