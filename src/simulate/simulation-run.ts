/**
 * Writes a simulated dataset: samples spread over worker threads, then the labels, so that their presence says
 * complete. What is finished is skipped when the same is asked for again.
 */
import { stringify } from 'csv-stringify/sync';
import * as v from 'valibot';
import { ConflictError } from '../core/errors.ts';
import type { Observer } from '../core/progress.ts';
import { LABELS_KEY, parseLabels } from '../raw/labels.ts';
import { putIfAbsent } from '../storage/conditional.ts';
import { encodeJson, readJson } from '../storage/json.ts';
import { indexOfKey } from '../storage/key.ts';
import { openStore } from '../storage/open.ts';
import type { ObjectStore } from '../storage/store.ts';
import { withWorkers } from '../workers/pool.ts';
import { labelColumns, truthColumns } from './layout.ts';
import {
  resultSchema,
  SIMULATED_PREFIX,
  type SimulationResult,
  type SimulationTask,
} from './simulation-chunk.ts';

export interface SimulateSettings {
  samples: number;
  seed: number;
  snrMedian: number;
  snrSigma: number;
  signalShare: number;
  workers?: number;
}

export interface SimulatedDataset {
  samples: number;
  /** Samples that hold a signal. */
  signals: number;
}

const settingsSchema = v.object({
  samples: v.number(),
  seed: v.number(),
  snrMedian: v.number(),
  snrSigma: v.number(),
  signalShare: v.number(),
});
type DatasetSettings = v.InferOutput<typeof settingsSchema>;

/** Samples of one task. */
const CHUNK_SIZE = 64;
/** What was injected. Beside the labels, but no reader of raw samples looks at it. */
const TRUTH_KEY = 'truth.csv';
/** What the place was asked for; stays, so that two simulations never mix. */
const SETTINGS_KEY = '_work/simulation.json';

/** Throws ConflictError when `out` holds another simulation, or labels that are of none. */
export async function simulateDataset(
  out: string,
  { workers, samples, seed, snrMedian, snrSigma, signalShare }: SimulateSettings,
  observer: Observer = {},
  signal?: AbortSignal,
): Promise<SimulatedDataset> {
  const store = openStore(out);
  await claimPlace(store, { samples, seed, snrMedian, snrSigma, signalShare });
  if ((await store.head(LABELS_KEY)) !== undefined) {
    observer.say?.(`${store.location} is complete already`);
    await removeResults(store);
    const { labels } = parseLabels(await store.read(LABELS_KEY), LABELS_KEY);
    return { samples, signals: labels.filter(({ target }) => target === 1).length };
  }

  const results = new Map<number, SimulationResult>();
  let done = 0;
  const report = () => observer.progress?.({ stage: 'simulate', done, total: samples, unit: 'samples' });
  for await (const { key } of store.list(SIMULATED_PREFIX)) {
    const result = await readJson(store, key, resultSchema);
    results.set(indexOfKey(key), result);
    done += result.labels.length;
  }
  report();
  const tasks: SimulationTask[] = [];
  for (let first = 0; first < samples; first += CHUNK_SIZE) {
    if (results.has(first)) continue;
    const count = Math.min(CHUNK_SIZE, samples - first);
    tasks.push({ out, first, count, settings: { seed, snrMedian, snrSigma, signalShare } });
  }
  await withWorkers<SimulationTask, SimulationResult, unknown>(
    'simulation-task',
    { workers, signal },
    (run) =>
      Promise.all(
        tasks.map(async (task) => {
          results.set(task.first, await run(task));
          done += task.count;
          report();
        }),
      ),
  );
  const byId = (a: string[], b: string[]) => (a[0]! < b[0]! ? -1 : 1);
  const labels = [...results.values()].flatMap((result) => result.labels).sort(byId);
  const truth = [...results.values()].flatMap((result) => result.truth).sort(byId);
  await store.write(TRUTH_KEY, encodeCsv(truthColumns, truth));
  await store.write(LABELS_KEY, encodeCsv(labelColumns, labels));
  await removeResults(store);
  return { samples, signals: labels.filter(([, target]) => target === '1').length };
}

/** Notes what the place is asked for, or compares it with what it was asked for before. */
async function claimPlace(store: ObjectStore, wanted: DatasetSettings): Promise<void> {
  if ((await store.head(SETTINGS_KEY)) === undefined) {
    if ((await store.head(LABELS_KEY)) !== undefined) {
      throw new ConflictError(
        `${store.location} holds a ${LABELS_KEY} that no simulation left there. Give another place.`,
      );
    }
    await putIfAbsent(store, SETTINGS_KEY, encodeJson(wanted));
  }
  const other = await readJson(store, SETTINGS_KEY, settingsSchema);
  const differences = Object.keys(wanted)
    .map((name) => name as keyof DatasetSettings)
    .filter((name) => other[name] !== wanted[name])
    .map((name) => `${name} ${other[name]}, not ${wanted[name]}`);
  if (differences.length === 0) return;
  throw new ConflictError(
    `${store.location} holds a simulation with ${differences.join('; ')}. Give another place, or remove it first.`,
  );
}

async function removeResults(store: ObjectStore): Promise<void> {
  for await (const { key } of store.list(SIMULATED_PREFIX)) await store.remove(key);
}

function encodeCsv(columns: readonly string[], rows: string[][]): Uint8Array {
  return new TextEncoder().encode(stringify(rows, { header: true, columns: [...columns] }));
}
