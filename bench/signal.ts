/**
 * Benchmark of the signal path in memory on one core, compared with a per-sample SciPy loop and the fastest NumPy that we could
 * write (python_signal.py). All use the same simulated samples and run in turns, so that a busy machine slows all of them.
 *
 *     npm run bench -- signal [--json]
 *
 * "in place": the strain is already in the engine's memory, as when files are preprocessed. Otherwise it is copied there from
 * a separate array.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Psd, SAMPLE_SIZE, type Strain } from '../src/core/strain.ts';
import { createPreprocessor } from '../src/signal/preprocessor.ts';
import { averagePsd, createPsdEstimator } from '../src/signal/psd.ts';
import { createSimulator } from '../src/simulate/simulator.ts';
import { ENGINES } from '../test/signal/engines.ts';
import { PYTHON } from '../test/support/python.ts';

const SAMPLES = 128;
const RUNS = 15;
/** Largest allowed difference to SciPy. With a larger one, the two would not do the same computation. */
const LIMIT = 1e-5;
const PEERS = ['scipy', 'numpy', 'psd'] as const;

/** Starts the Python peers; returns a function that times one of them [s], and one that ends them. */
function startPeers(folder: string) {
  const script = fileURLToPath(new URL('python_signal.py', import.meta.url));
  const child: ChildProcessWithoutNullStreams = spawn(PYTHON, [script, folder]);
  child.stderr.pipe(process.stderr);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    time: async (what: (typeof PEERS)[number]) => {
      child.stdin.write(`${what}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error('the Python peers ended early');
      return Number(value);
    },
    end: async () => {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

/** A timed function, which processes `size` samples per call. */
interface Work {
  size: number;
  work: (block: Strain[]) => unknown;
}

function listWork(psd: Psd): Record<string, Work> {
  const all: Record<string, Work> = {};
  for (const engine of ENGINES) {
    const { inputs, processBlock } = createPreprocessor(psd, engine);
    const { inputs: noise, addBlock } = createPsdEstimator(engine);
    const size = inputs.length;
    const inPlace = inputs.slice();
    for (const input of [...inputs, ...noise]) input.set(makeSamples(1)[0]!);
    for (const type of ['float16', 'float32'] as const) {
      all[`${engine.name} ${type}`] = { size, work: (block) => processBlock(block, type) };
      all[`${engine.name} ${type}, in place`] = { size, work: () => processBlock(inPlace, type) };
    }
    all[`${engine.name} PSD`] = { size, work: addBlock };
  }
  return all;
}

/** Time of a function for all samples [s]. */
function time(samples: Strain[], { size, work }: Work): number {
  const start = performance.now();
  for (let i = 0; i < samples.length; i += size) work(samples.slice(i, i + size));
  return (performance.now() - start) / 1000;
}

function makeSamples(count: number): Strain[] {
  const simulator = createSimulator({ seed: 1, snrMedian: 15 });
  return Array.from({ length: count }, (_, index) => {
    const strain = new Float64Array(SAMPLE_SIZE);
    simulator.sample(index, strain);
    return strain;
  });
}

/** Throws when the fast engine's float32 differs from SciPy's by more than LIMIT. */
function compareResults(samples: Strain[], psd: Psd, expected: Float32Array): number {
  const { process: preprocess } = createPreprocessor(psd);
  const out = new Float32Array(SAMPLE_SIZE);
  let difference = 0;
  for (const [i, strain] of samples.entries()) {
    preprocess(strain, out);
    for (const [j, value] of out.entries()) {
      difference = Math.max(difference, Math.abs(value - expected[i * SAMPLE_SIZE + j]!));
    }
  }
  // This condition also fails for NaN.
  if (!(difference < LIMIT)) throw new Error(`the outputs differ by ${difference}`);
  return difference;
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

async function measure(folder: string) {
  const samples = makeSamples(SAMPLES);
  const estimator = createPsdEstimator();
  for (const strain of samples) estimator.add(strain);
  const psd = averagePsd(estimator.sum, SAMPLES);
  await writeFile(join(folder, 'strain'), samples);
  await writeFile(join(folder, 'psd'), psd);

  const ours = listWork(psd);
  const seconds: Record<string, number[]> = {};
  const note = (name: string, value: number) => {
    seconds[name] ??= [];
    seconds[name].push(value);
  };
  const peers = startPeers(folder);
  try {
    // Warm-up: wait for Python to start, and let Node compile our code.
    await peers.time('numpy');
    for (const work of Object.values(ours)) time(samples, work);
    for (let run = 0; run < RUNS; run++) {
      for (const [name, work] of Object.entries(ours)) note(name, time(samples, work));
      for (const peer of PEERS) note(peer, await peers.time(peer));
    }
  } finally {
    await peers.end();
  }
  const expected = new Float32Array((await readFile(join(folder, 'final'))).buffer);
  const difference = compareResults(samples, psd, expected);
  const microseconds = Object.fromEntries(
    Object.entries(seconds).map(([name, values]) => [name, (median(values) / SAMPLES) * 1e6]),
  );
  return { samples: SAMPLES, runs: RUNS, microseconds, largestDifference: difference };
}

const folder = await mkdtemp(join(tmpdir(), 'chirpline-bench-'));
try {
  const result = await measure(folder);
  if (process.argv.includes('--json')) console.log(JSON.stringify(result));
  else {
    const { microseconds, largestDifference } = result;
    const scipy = (name: string) => microseconds[name.includes('PSD') ? 'psd' : 'scipy']!;
    console.log(`One core, ${SAMPLES} samples in memory, medians of ${RUNS} runs taken in turns\n`);
    console.log(
      `${'us/sample'.padStart(43)}${'samples/s'.padStart(11)}${'x SciPy'.padStart(9)}${'x NumPy'.padStart(9)}`,
    );
    for (const [name, value] of Object.entries(microseconds)) {
      const numpy = /psd/i.test(name) ? '' : (microseconds.numpy! / value).toFixed(2);
      console.log(
        name.padEnd(32) +
          value.toFixed(1).padStart(11) +
          (1e6 / value).toFixed(0).padStart(11) +
          ((name === 'psd' ? value : scipy(name)) / value).toFixed(2).padStart(9) +
          numpy.padStart(9),
      );
    }
    console.log(`\nlargest difference to SciPy's float32 ${largestDifference.toExponential(1)}`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
