/**
 * Speed of the signal path in memory on one core, beside the per-sample SciPy loop of
 * test/fixtures/reference_preprocess.py on the same samples, in turns, so that a busy machine slows both.
 *
 *     node --import tsx/esm bench/signal.ts [--json]
 *
 * (tsx/esm, not tsx: tsx's CommonJS hook costs this code about a fifth of its speed; built code runs as with tsx/esm.)
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chooseEngine } from '../src/signal/engines.ts';
import { createJavaScriptEngine } from '../src/signal/javascript.ts';
import { createPreprocessor } from '../src/signal/preprocess.ts';
import { averagePsd, createPsdEstimator } from '../src/signal/psd.ts';
import { SAMPLE_SIZE, type Strain } from '../src/strain.ts';
import { createNormal, redNoise } from '../test/signal/noise.ts';
import { PYTHON } from '../test/support/python.ts';

const SAMPLES = 128;
const RUNS = 15;

/** Answers each line on its input, `preprocess` or `psd`, with the seconds that this took over all samples. */
const SCIPY = `
import sys, time
import numpy as np
folder, fixtures = sys.argv[1:]
sys.path.insert(0, fixtures)
import reference_preprocess as reference
samples = np.fromfile(folder + '/strain', np.float64).reshape(-1, 3, 4096)
psd = np.fromfile(folder + '/psd', np.float64).reshape(3, 2049)
np.stack([reference.preprocess(x, psd) for x in samples]).tofile(folder + '/final')
for line in sys.stdin:
    start = time.perf_counter()
    if line == 'psd\\n':
        reference.avg_psd(samples)
    else:
        for x in samples:
            reference.preprocess(x, psd)
    print(time.perf_counter() - start, flush=True)
`;

/** Starts the SciPy loop; returns a function that times it once, in seconds, and one that ends it. */
function startScipy(folder: string) {
  const fixtures = fileURLToPath(new URL('../test/fixtures', import.meta.url));
  const child = spawn(PYTHON, ['-c', SCIPY, folder, fixtures], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, OPENBLAS_NUM_THREADS: '1', OMP_NUM_THREADS: '1' },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    time: async (what: 'preprocess' | 'psd') => {
      child.stdin.write(`${what}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error('the SciPy loop ended early');
      return Number(value);
    },
    end: async () => {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

/** Seconds that a function takes over all samples, in blocks. */
function time(samples: Strain[], { size, work }: Work): number {
  const start = performance.now();
  for (let i = 0; i < samples.length; i += size) work(samples.slice(i, i + size));
  return (performance.now() - start) / 1000;
}

interface Work {
  /** Samples of a block. */
  size: number;
  work: (block: Strain[]) => unknown;
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

async function measure(folder: string) {
  const normal = createNormal(1);
  const samples = Array.from({ length: SAMPLES }, () => redNoise(normal));
  const estimator = createPsdEstimator();
  for (const strain of samples) estimator.add(strain);
  const psd = averagePsd(estimator.sum, SAMPLES);
  await writeFile(join(folder, 'strain'), samples);
  await writeFile(join(folder, 'psd'), psd);

  const engines = [chooseEngine(), createJavaScriptEngine()];
  const ours: Record<string, Work> = {};
  for (const engine of engines) {
    const size = engine.blockSize;
    const { processBlock } = createPreprocessor(psd, engine);
    const { addBlock } = createPsdEstimator(engine);
    ours[`${engine.name} to float32`] = { size, work: (block) => processBlock(block, 'float32') };
    ours[`${engine.name} to float16`] = { size, work: (block) => processBlock(block, 'float16') };
    ours[`${engine.name} psd`] = { size, work: addBlock };
  }
  const seconds: Record<string, number[]> = {};
  const note = (name: string, value: number) => {
    seconds[name] ??= [];
    seconds[name].push(value);
  };
  const scipy = startScipy(folder);
  try {
    // The first answer says that Python is up; the first runs of ours are compiled meanwhile.
    await scipy.time('preprocess');
    for (const work of Object.values(ours)) time(samples, work);
    for (let run = 0; run < RUNS; run++) {
      for (const [name, work] of Object.entries(ours)) note(name, time(samples, work));
      note('SciPy preprocess', await scipy.time('preprocess'));
      note('SciPy psd', await scipy.time('psd'));
    }
  } finally {
    await scipy.end();
  }
  const expected = new Float32Array((await readFile(join(folder, 'final'))).buffer);
  let difference = 0;
  const out = new Float32Array(SAMPLE_SIZE);
  for (const engine of engines) {
    const preprocessor = createPreprocessor(psd, engine);
    for (const [i, strain] of samples.entries()) {
      preprocessor.process(strain, out);
      for (const [j, value] of out.entries()) {
        difference = Math.max(difference, Math.abs(value - expected[i * SAMPLE_SIZE + j]!));
      }
    }
  }
  // Not the same work, not a comparison. (A NaN fails as well.)
  if (!(difference < 1e-6)) throw new Error(`the outputs differ by ${difference}`);
  const microseconds = Object.fromEntries(
    Object.entries(seconds).map(([name, values]) => [name, (median(values) / SAMPLES) * 1e6]),
  );
  const ratios = Object.fromEntries(
    engines.map(({ name }) => [
      name,
      {
        preprocess: microseconds['SciPy preprocess']! / microseconds[`${name} to float32`]!,
        psd: microseconds['SciPy psd']! / microseconds[`${name} psd`]!,
      },
    ]),
  );
  return { samples: SAMPLES, runs: RUNS, microseconds, ratios, largestDifference: difference };
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const folder = await mkdtemp(join(tmpdir(), 'chirpline-bench-'));
try {
  const result = await measure(folder);
  const { microseconds, ratios } = result;
  if (values.json) {
    console.log(JSON.stringify(result));
  } else {
    console.log(`One core, ${SAMPLES} samples in memory, medians of ${RUNS} runs taken in turns\n`);
    console.log(`${'us a sample'.padStart(35)}${'samples/s'.padStart(12)}`);
    for (const [name, value] of Object.entries(microseconds)) {
      console.log(name.padEnd(24) + value.toFixed(1).padStart(11) + (1e6 / value).toFixed(0).padStart(12));
    }
    console.log();
    for (const [name, { preprocess, psd }] of Object.entries(ratios)) {
      console.log(`${name}: ${preprocess.toFixed(2)}x SciPy's speed, psd ${psd.toFixed(2)}x`);
    }
    console.log(`largest difference of the float32 outputs ${result.largestDifference.toExponential(1)}`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
