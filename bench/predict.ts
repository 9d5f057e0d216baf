/**
 * Benchmark of predicting raw samples without the time of a model, beside the preprocessing of the same files, in this process.
 *
 *   npm run bench -- predict [--json] [--samples N]
 *
 * The model is replaced by a constant; everything else is what `chirpline predict` does between loading TensorFlow and writing
 * its file: catalog, worker threads, signals, batches as tensors. `preprocess` makes the plan and float16 shards, hashes them and
 * syncs them to the disk. Both have the PSD, and start their own threads. They run in turns.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { noPredictions, predictSource } from '../src/inference/predictions.ts';
import { readPsd } from '../src/preprocess/average-psd.ts';
import { PREPROCESS_DEFAULTS } from '../src/preprocess/preprocess-settings.ts';
import { openStore } from '../src/storage/open.ts';
import type { Predictor } from '../src/training/fit/ensemble.ts';
import { tf } from '../test/model/tensorflow.ts';

// The built program, because worker threads load no TypeScript.
const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
const built = <T>(path: string): Promise<T> => import(join(DIST, path));
const { findRawSamples, withRawSource } =
  await built<typeof import('../src/inference/raw-source.ts')>('inference/raw-source.js');
const { preprocessDataset } =
  await built<typeof import('../src/preprocess/local-run.ts')>('preprocess/local-run.js');

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    samples: { type: 'string', default: '32768' },
  },
  // Options of other benchmarks are ignored.
  strict: false,
});
const SAMPLES = Number(flags.samples);
const BATCH = 64;
const RUNS = 5;

const folder = mkdtempSync(join(tmpdir(), 'chirpline-bench-'));
const raw = join(folder, 'raw');
try {
  const simulate = ['simulate', raw, '--samples', String(SAMPLES), '--seed', '1'];
  execFileSync(process.execPath, [join(DIST, 'cli/main.js'), ...simulate], { stdio: 'ignore' });
  await preprocess('first');
  const psd = { folder: join(folder, 'first'), key: 'avg_psd.npz' };
  const [shards, predictions]: [number[], number[]] = [[], []];
  for (let run = 0; run < RUNS; run++) {
    shards.push(await rateOf(() => preprocess(`run${run}`, psd)));
    predictions.push(await rateOf(() => predict(psd)));
  }
  const [preprocessing, predicting] = [median(shards), median(predictions)];
  const threads = availableParallelism();
  if (flags.json) console.log(JSON.stringify({ samples: SAMPLES, threads, preprocessing, predicting }));
  else {
    console.log(`${SAMPLES} raw samples, ${threads} threads, medians of ${RUNS} runs in turns`);
    console.log(`  preprocess               ${preprocessing.toFixed(0)} samples/s`);
    const ratio = `${(predicting / preprocessing).toFixed(2)} x preprocess`;
    console.log(`  predict without a model  ${predicting.toFixed(0)} samples/s   ${ratio}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}

type Place = { folder: string; key: string };

async function preprocess(name: string, psd?: Place): Promise<void> {
  const settings = { ...PREPROCESS_DEFAULTS, seed: 1, dataset: 'bench', ...(psd && { psd }) };
  await preprocessDataset(raw, join(folder, name), settings);
}

async function predict(place: Place): Promise<void> {
  const predictor: Predictor = { logits: ({ size }) => new Float32Array(size) };
  const predictions = noPredictions();
  const samples = await findRawSamples(openStore(raw), predictions);
  const { psd } = await readPsd(openStore(place.folder), place.key);
  await withRawSource(raw, psd, samples, predictions, {}, (source) =>
    predictSource(tf, predictor, source, predictions, { batchSize: BATCH }),
  );
  if (predictions.ids.length !== SAMPLES) throw new Error(`${predictions.ids.length} predictions`);
}

/** [samples/s]. */
async function rateOf(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (SAMPLES * 1000) / (performance.now() - start);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
