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
import { createBandpass } from '../src/signal/bandpass.ts';
import { normalize } from '../src/signal/normalize.ts';
import { createPreprocessor } from '../src/signal/preprocess.ts';
import { averagePsd, createPsdEstimator } from '../src/signal/psd.ts';
import { createWhitener } from '../src/signal/whiten.ts';
import { tukey } from '../src/signal/windows.ts';
import { DETECTORS, SAMPLE_LENGTH, SAMPLE_SIZE, type Strain } from '../src/strain.ts';
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

/** Seconds that a function takes over all samples. */
function time(samples: Strain[], work: (strain: Strain) => void): number {
  const start = performance.now();
  for (const strain of samples) work(strain);
  return (performance.now() - start) / 1000;
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

  const preprocessor = createPreprocessor(psd);
  const bandpass = createBandpass(tukey(SAMPLE_LENGTH, 0.5));
  const whiten = createWhitener(psd);
  const taper = tukey(SAMPLE_LENGTH, 0.2);
  const points = new Float64Array(SAMPLE_LENGTH);
  const out = new Float32Array(SAMPLE_SIZE);
  const eachDetector = (work: (row: number) => void) => {
    for (let row = 0; row < DETECTORS.length; row++) work(row);
  };
  const ours: Record<string, (strain: Strain) => void> = {
    preprocess: (strain) => preprocessor.process(strain, out),
    bandpass: (strain) => eachDetector((row) => bandpass(strain, row)),
    whiten: (strain) => eachDetector((row) => whiten(strain.subarray(0, SAMPLE_LENGTH), row)),
    // On a fresh copy each time: the window is multiplied in in place, and 15 times it would leave denormal numbers.
    'copy and normalize': (strain) =>
      eachDetector((row) => {
        points.set(strain.subarray(0, SAMPLE_LENGTH));
        normalize(points, taper, out, row * SAMPLE_LENGTH);
      }),
    psd: (strain) => estimator.add(strain),
  };
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
  for (const [i, strain] of samples.entries()) {
    preprocessor.process(strain, out);
    for (const [j, value] of out.entries()) {
      difference = Math.max(difference, Math.abs(value - expected[i * SAMPLE_SIZE + j]!));
    }
  }
  // Not the same work, not a comparison. (A NaN fails as well.)
  if (!(difference < 1e-6)) throw new Error(`the outputs differ by ${difference}`);
  const microseconds = Object.fromEntries(
    Object.entries(seconds).map(([name, values]) => [name, (median(values) / SAMPLES) * 1e6]),
  );
  return { samples: SAMPLES, runs: RUNS, microseconds, largestDifference: difference };
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const folder = await mkdtemp(join(tmpdir(), 'chirpline-bench-'));
try {
  const result = await measure(folder);
  const { microseconds } = result;
  const ratios = {
    preprocess: microseconds['SciPy preprocess']! / microseconds.preprocess!,
    psd: microseconds['SciPy psd']! / microseconds.psd!,
  };
  if (values.json) {
    console.log(JSON.stringify({ ...result, ratios }));
  } else {
    console.log(`One core, ${SAMPLES} samples in memory, medians of ${RUNS} runs taken in turns\n`);
    console.log(`${'us a sample'.padStart(35)}${'samples/s'.padStart(12)}`);
    for (const [name, value] of Object.entries(microseconds)) {
      console.log(name.padEnd(22) + value.toFixed(1).padStart(13) + (1e6 / value).toFixed(0).padStart(12));
    }
    console.log(`\npreprocess ${ratios.preprocess.toFixed(2)}x SciPy's speed, psd ${ratios.psd.toFixed(2)}x`);
    console.log(`largest difference of the float32 outputs ${result.largestDifference.toExponential(1)}`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
