import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { encodeFloat16 } from '../../src/core/float16.ts';
import { SAMPLE_LENGTH, SAMPLE_SIZE, STRAIN_MARGIN, type Strain } from '../../src/core/strain.ts';
import { chooseEngine, findEngine } from '../../src/signal/engines/choose-engine.ts';
import type { Engine } from '../../src/signal/engines/signal-engine.ts';
import { createPreprocessor } from '../../src/signal/preprocessor.ts';
import { averagePsd, createPsdEstimator } from '../../src/signal/psd.ts';
import { createSimulator } from '../../src/simulate/simulator.ts';
import { difference, relativeDifference } from './arrays.ts';
import { ENGINES, JAVASCRIPT, NATIVE, VECTORS, WEBASSEMBLY, WebAssembly } from './engines.ts';
import { createNormal, redNoise } from './noise.ts';

const SAMPLES = 1000;

const simulator = createSimulator({ seed: 3, snrMedian: 15 });
const samples = Array.from({ length: SAMPLES }, (_, index) => {
  const strain = new Float64Array(SAMPLE_SIZE);
  simulator.sample(index, strain);
  return strain;
});

function estimate(engine: typeof WEBASSEMBLY, strains: Strain[]) {
  const estimator = createPsdEstimator(engine);
  for (let i = 0; i < strains.length; i += estimator.inputs.length) {
    estimator.addBlock(strains.slice(i, i + estimator.inputs.length));
  }
  assert.equal(estimator.count, strains.length);
  return averagePsd(estimator.sum, estimator.count);
}

const psd = estimate(JAVASCRIPT, samples);

const preprocessors = new Map(VECTORS.map((engine) => [engine, createPreprocessor(psd, engine)]));

function processWith(engine: Engine, strain: Strain, type: 'float16' | 'float32') {
  return copy(preprocessors.get(engine)!.processBlock([strain], type)[0]!);
}

const copy = (result: Uint8Array | string) => (typeof result === 'string' ? result : Buffer.from(result));

/** A copy of the engine's result for each sample of a block. */
function processBlock(block: Strain[], type: 'float16' | 'float32', engine: Engine = WEBASSEMBLY) {
  const results = createPreprocessor(psd, engine).processBlock(block, type);
  return results.map(copy);
}

function floats(bytes: Buffer | string | undefined): Float32Array {
  assert.ok(bytes instanceof Buffer, String(bytes));
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

/** The levels of native kernels that this machine must have. It has g++, which the tests need anyway. */
function expectedLevels(): string[] {
  if (process.platform !== 'linux' || process.arch !== 'x64') return [];
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))![1]!.trim().split(' ');
  const has = (...wanted: string[]) => wanted.every((flag) => flags.includes(flag));
  return [
    ...(has('avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl') ? ['avx512'] : []),
    ...(has('avx2', 'fma', 'f16c', 'bmi1', 'bmi2', 'abm', 'movbe') ? ['avx2'] : []),
  ];
}

describe('the engine', () => {
  test('is the best one that the CPU can run', () => {
    const levels = expectedLevels();
    assert.deepEqual(
      NATIVE.map(({ name }) => name),
      levels,
    );
    const [best = 'webassembly'] = levels;
    assert.equal(chooseEngine().name, best);
    assert.equal(chooseEngine(), chooseEngine());
    assert.equal(createPreprocessor(psd).engine, best);
  });

  test('is WebAssembly without native kernels, and JavaScript where WebAssembly or its vectors are missing', () => {
    assert.equal(findEngine(WebAssembly).name, 'webassembly');
    assert.equal(findEngine(undefined).name, 'javascript');
    const without = new Proxy(WebAssembly, {
      get: (api, name) => (name === 'validate' ? () => false : Reflect.get(api, name)),
    });
    assert.equal(findEngine(without).name, 'javascript');
  });

  test('is JavaScript where WebAssembly gets no memory, be it at once or later', () => {
    const limited = (memories: number) => {
      let left = memories;
      const Memory = function Memory(pages: object) {
        left -= 1;
        if (left < 0) throw new RangeError('WebAssembly.Memory(): could not allocate memory');
        return new WebAssembly.Memory(pages as never);
      };
      return new Proxy(WebAssembly, {
        get: (api, name) => (name === 'Memory' ? Memory : Reflect.get(api, name)),
      });
    };
    assert.equal(findEngine(limited(0)).name, 'javascript');
    const engine = findEngine(limited(2));
    assert.equal(engine.createPreprocessor(psd).inputs.length, 4);
    assert.equal(engine.createPreprocessor(psd).inputs.length, 1);
    assert.equal(engine.createPsdEstimator().inputs.length, 1);
  });
});

describe(`the kernels against fft.js on ${SAMPLES} simulated samples`, () => {
  const reference = createPreprocessor(psd, JAVASCRIPT);
  const kernels = createPreprocessor(psd, WEBASSEMBLY);
  const size = kernels.inputs.length;

  test('give float32 within 1e-5, and float16 that differs in rounding only', () => {
    const rounded = new Uint8Array(SAMPLE_SIZE * 2);
    let largest = 0;
    let differing = 0;
    for (let start = 0; start < SAMPLES; start += size) {
      const block = samples.slice(start, start + size);
      const wide = kernels.processBlock(block, 'float32').map((result) => floats(Buffer.from(result)));
      const narrow = kernels.processBlock(block, 'float16');
      for (const [lane, strain] of block.entries()) {
        const [expected] = reference.processBlock([strain], 'float32');
        const numbers = floats(Buffer.from(expected!));
        largest = Math.max(largest, difference(wide[lane]!, numbers, 1));
        // The kernels round their own float32 as encodeFloat16 does, to the bit.
        const bytes = narrow[lane];
        assert.ok(bytes instanceof Uint8Array);
        encodeFloat16(wide[lane]!, rounded, 0);
        assert.equal(Buffer.compare(bytes, rounded), 0);
        encodeFloat16(numbers, rounded, 0);
        for (let i = 0; i < rounded.length; i += 2) {
          if (bytes[i] !== rounded[i] || bytes[i + 1] !== rounded[i + 1]) differing += 1;
        }
      }
    }
    // A quarter of the limit, so that a loss of accuracy is noticed before it uses up the limit.
    assert.ok(largest < 2.5e-6, `${largest}`);
    // A half differs where the midpoint of two halves lies between the two float32 values.
    assert.ok(differing < 1e-2 * SAMPLES * SAMPLE_SIZE, `${differing} halves differ`);
  });

  test('differ more where the noise falls by 50 dB from 20 to 1000 Hz, but stay below 1e-4', () => {
    const normal = createNormal(7);
    const strains = Array.from({ length: 12 }, () => redNoise(normal));
    const own = estimate(JAVASCRIPT, strains);
    const outputs = ENGINES.map((engine) => {
      const { process } = createPreprocessor(own, engine);
      return strains.map((strain) => {
        const out = new Float32Array(SAMPLE_SIZE);
        process(strain, out);
        return out;
      });
    });
    const differences = strains.map((_, i) => difference(outputs[0]![i]!, outputs[1]![i]!, 1));
    assert.ok(Math.max(...differences) < 1e-4);
    assert.ok(!(difference(outputs[0]![0]!, outputs[1]![1]!, 1) < 1e-4));
  });

  test('round to float16 as encodeFloat16 does where the numbers are tiny or large', () => {
    // One impulse: nearly all power in a few points gives large and tiny numbers.
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
for (const engine of VECTORS) {
  describe(`a sample by the ${engine.name} engine`, () => {
    const alone = {
      float16: processBlock([strain], 'float16', engine),
      float32: processBlock([strain], 'float32', engine),
    };
    const addAlone = (strain: Strain) => {
      const estimator = createPsdEstimator(engine);
      estimator.add(strain);
      return estimator;
    };
    const estimated = addAlone(strain);
    const lanes = Array.from({ length: engine.blockSize }, (_, lane) => lane);

    test('gives the same bytes in each lane of a block of any size', () => {
      for (const type of ['float16', 'float32'] as const) {
        for (const size of lanes) {
          for (const result of processBlock(Array(size + 1).fill(strain), type, engine)) {
            assert.deepEqual(result, alone[type][0]);
          }
        }
      }
    });

    for (const [what, other] of neighbours) {
      test(`beside ${what} gives the bytes that it gives alone, in every lane`, () => {
        for (const type of ['float16', 'float32'] as const) {
          for (const lane of lanes) {
            const block = lanes.map((each) => (each === lane ? strain : other));
            assert.deepEqual(processBlock(block, type, engine)[lane], alone[type][0]);
          }
        }
      });

      test(`beside ${what} adds to the PSD like one sample after another`, () => {
        for (const block of [
          [strain, other],
          [other, strain],
          [other, other, strain],
          [strain, other, other, strain],
          lanes.map((lane) => (lane % 3 === 1 ? other : strain)),
        ]) {
          const apart = createPsdEstimator(engine);
          const faults = block.map((each) => apart.add(each));
          const together = createPsdEstimator(engine);
          assert.deepEqual(together.addBlock(block), faults);
          assert.equal(together.count, apart.count);
          assert.deepEqual(together.sum, apart.sum);
        }
      });
    }

    test('with one point changed in the last digits gives other bytes: the comparison can fail', () => {
      const changed = strain.with(2000, strain[2000]! * (1 + 1e-6));
      assert.notDeepEqual(processBlock([changed, neighbour], 'float32', engine)[0], alone.float32[0]);
      assert.notDeepEqual(addAlone(changed).sum, estimated.sum);
    });
  });
}

test('a sample gives the same faults in a block as alone, on all engines', () => {
  for (const [, other] of neighbours) {
    const faults = ENGINES.map((engine) => {
      const [alone] = processBlock([other], 'float32', engine);
      const [, second] = processBlock([strain, other], 'float32', engine);
      assert.equal(typeof second, typeof alone);
      if (typeof alone === 'string') assert.equal(second, alone);
      return typeof alone === 'string' ? alone : undefined;
    });
    assert.deepEqual(new Set(faults).size, 1);
  }
});

describe('the native kernels', () => {
  for (const engine of NATIVE) {
    test(`for ${engine.name} give the bytes of WebAssembly, for ${SAMPLES} samples and for broken ones`, () => {
      const others = neighbours.map(([, other]) => other);
      const all = [...samples, ...others, samples[0]!];
      for (let start = 0; start < all.length; start += engine.blockSize) {
        const block = all.slice(start, start + engine.blockSize);
        for (const type of ['float16', 'float32'] as const) {
          const expected = block.map((each) => processWith(WEBASSEMBLY, each, type));
          assert.deepEqual(preprocessors.get(engine)!.processBlock(block, type).map(copy), expected);
        }
      }
      const [native, reference] = [createPsdEstimator(engine), createPsdEstimator(WEBASSEMBLY)];
      for (let start = 0; start < all.length; start += engine.blockSize) {
        const block = all.slice(start, start + engine.blockSize);
        assert.deepEqual(
          native.addBlock(block),
          block.map((each) => reference.add(each)),
        );
      }
      assert.ok(native.count > SAMPLES && native.count < all.length);
      assert.deepEqual(native.sum, reference.sum);
    });
  }
});

test('strain in the inputs gives the bytes of strain in other arrays, whatever the margins hold', () => {
  for (const engine of ENGINES) {
    const { inputs, processBlock: process } = createPreprocessor(psd, engine);
    for (const [i, input] of inputs.entries()) {
      input.set(samples[i]!);
      new Uint8Array(input.buffer, input.byteOffset - STRAIN_MARGIN, STRAIN_MARGIN).fill(255);
      new Uint8Array(input.buffer, input.byteOffset + input.byteLength, STRAIN_MARGIN).fill(255);
    }
    const expected = inputs.map((_, i) => processBlock([samples[i]!], 'float16', engine)[0]);
    const results = process(inputs, 'float16').map((result) => Buffer.from(result));
    assert.deepEqual(results, expected);
  }
});

for (const engine of VECTORS) {
  test(`blocks of the ${engine.name} engine allocate no memory that grows`, () => {
    const preprocessor = createPreprocessor(psd, engine);
    const estimator = createPsdEstimator(engine);
    const block = samples.slice(0, engine.blockSize);
    const step = () => {
      preprocessor.processBlock(block, 'float16');
      estimator.addBlock(block);
    };
    for (let i = 0; i < 200; i += 1) step();
    const before = process.memoryUsage();
    for (let i = 0; i < 250; i += 1) step();
    const after = process.memoryUsage();
    // The output of 1,000 samples is 25 MB, their strain 98 MB.
    assert.ok(after.arrayBuffers - before.arrayBuffers < 1e6, `${after.arrayBuffers - before.arrayBuffers}`);
    assert.ok(after.heapUsed - before.heapUsed < 5e6, `${after.heapUsed - before.heapUsed}`);
  });
}
