/**
 * Writes a simulated dataset: samples spread over worker threads, then the labels, so that their presence says
 * complete. What is finished is skipped when the same is asked for again.
 */
import { stringify } from 'csv-stringify/sync';
import { ConflictError, PreconditionError } from '../errors.ts';
import { parseLabels } from '../raw/labels.ts';
import { labelColumns, truthColumns } from '../simulate/layout.ts';
import { openStore } from '../storage/open.ts';
import type { ObjectStore } from '../storage/store.ts';
import { LABELS_KEY } from './plan.ts';
import { withWorkers } from './pool.ts';
import type { Observer } from './progress.ts';
import { SIMULATED_PREFIX, type SimulationResult, type SimulationTask } from './simulation-task.ts';
import { indexOfKey, readJson, readJsonIfPresent, writeJson } from './work.ts';

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

type DatasetSettings = Omit<SimulateSettings, 'workers'>;

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
    const result = await readJson<SimulationResult>(store, key);
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
  let known = await readJsonIfPresent<DatasetSettings>(store, SETTINGS_KEY);
  if (known === undefined) {
    if ((await store.head(LABELS_KEY)) !== undefined) {
      throw new ConflictError(
        `${store.location} holds a ${LABELS_KEY} that no simulation left there. Give another place.`,
      );
    }
    try {
      await writeJson(store, SETTINGS_KEY, wanted, { ifAbsent: true });
      return;
    } catch (error) {
      if (!(error instanceof PreconditionError)) throw error;
      known = await readJson<DatasetSettings>(store, SETTINGS_KEY);
    }
  }
  const other = known;
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
