/**
 * Writes a simulated dataset: first the samples, spread over worker threads, then the labels, which mark it as
 * complete. A repeated call skips the chunks that are finished.
 */
import { stringify } from 'csv-stringify/sync';
import * as v from 'valibot';
import { ConflictError } from '../core/errors.ts';
import { checkMachineSettings } from '../core/machine-settings.ts';
import { type Observer, workThrough } from '../core/progress.ts';
import { requireAccepted } from '../core/setting.ts';
import { LABELS_KEY, parseLabels } from '../raw/labels.ts';
import { putIfAbsent } from '../storage/conditional.ts';
import { encodeJson, readJson } from '../storage/json.ts';
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
import {
  checkSimulationSettings,
  type GivenSettings,
  SAMPLES,
  SIMULATION_DEFAULTS,
} from './simulation-settings.ts';

export interface SimulateSettings extends GivenSettings {
  samples: number;
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
  // Missing in datasets of version 0.1.0, which always used these.
  snrMin: v.optional(v.number(), 1.5),
  snrMax: v.optional(v.number(), 30),
  signalShare: v.number(),
  // Missing in datasets before these could be set.
  like: v.optional(v.picklist(['design', 'g2net']), 'design'),
  signalsOnly: v.optional(v.boolean(), false),
  mergerMin: v.optional(v.number(), SIMULATION_DEFAULTS.design.mergerMin),
  mergerMax: v.optional(v.number(), SIMULATION_DEFAULTS.design.mergerMax),
  chirpMassMin: v.optional(v.number(), SIMULATION_DEFAULTS.design.chirpMassMin),
  chirpMassMax: v.optional(v.number(), SIMULATION_DEFAULTS.design.chirpMassMax),
});
type DatasetSettings = v.InferOutput<typeof settingsSchema>;

/** Samples of one task. */
const CHUNK_SIZE = 64;
/** The injections. Stored beside the labels, but ignored by the readers of raw samples. */
const TRUTH_KEY = 'truth.csv';
/** The settings of the dataset. Kept, so that two simulations never mix. */
const SETTINGS_KEY = '_work/simulation.json';

/**
 * Writes a simulated dataset in the layout of G2Net's, as `chirpline simulate` does: .npy files of float64, shape (3, 4096),
 * training_labels.csv and truth.csv with the injected signals. A repeated call resumes.
 *
 * @param out a folder or `s3://bucket/prefix`.
 * @returns the numbers of samples and of signals among them.
 * @throws ConflictError when `out` has another simulation, or labels that no simulation wrote; SettingError for settings out of
 * range; StoppedError when `signal` is aborted.
 *
 * @example
 * import { simulateDataset } from 'chirpline';
 *
 * const { samples, signals } = await simulateDataset('loud', { samples: 8, seed: 7, snrMedian: 15 });
 * console.log(samples, 'samples,', signals, 'signals');
 */
export async function simulateDataset(
  out: string,
  { samples, ...options }: SimulateSettings,
  observer: Observer = {},
  signal?: AbortSignal,
): Promise<SimulatedDataset> {
  requireAccepted(SAMPLES, samples, 'samples');
  checkMachineSettings(options);
  const { workers, ...given } = options;
  const store = openStore(out);
  const settings = checkSimulationSettings(given);
  await storeSettings(store, { samples, ...settings });
  if ((await store.head(LABELS_KEY)) !== undefined) {
    observer.say?.(`${store.location} is already complete`);
    await removeResults(store);
    const { labels } = parseLabels(await store.read(LABELS_KEY), LABELS_KEY);
    return { samples, signals: labels.filter(({ target }) => target === 1).length };
  }

  const results = new Map<number, SimulationResult>();
  let done = 0;
  for await (const { key } of store.list(SIMULATED_PREFIX)) {
    const result = await readJson(store, key, resultSchema);
    results.set(indexOfKey(key), result);
    done += result.labels.length;
  }
  const tasks: SimulationTask[] = [];
  for (let first = 0; first < samples; first += CHUNK_SIZE) {
    if (results.has(first)) continue;
    const count = Math.min(CHUNK_SIZE, samples - first);
    tasks.push({ out, first, count, settings });
  }
  await withWorkers<SimulationTask, SimulationResult, unknown>(
    'simulation-task',
    { workers, signal },
    (run) =>
      workThrough(
        tasks,
        { stage: 'simulate', done, total: samples, unit: 'samples' },
        observer,
        async (task) => {
          results.set(task.first, await run(task));
          return task.count;
        },
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

/** Stores the settings, or compares them with the stored ones. */
async function storeSettings(store: ObjectStore, wanted: DatasetSettings): Promise<void> {
  if ((await store.head(SETTINGS_KEY)) === undefined) {
    if ((await store.head(LABELS_KEY)) !== undefined) {
      throw new ConflictError(
        `${store.location} has a ${LABELS_KEY} that simulate didn't write. Choose another location.`,
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
    `${store.location} has a simulation with ${differences.join('; ')}. Choose another location, or remove the simulation first.`,
  );
}

async function removeResults(store: ObjectStore): Promise<void> {
  for await (const { key } of store.list(SIMULATED_PREFIX)) await store.remove(key);
}

function encodeCsv(columns: readonly string[], rows: string[][]): Uint8Array {
  return new TextEncoder().encode(stringify(rows, { header: true, columns: [...columns] }));
}

/** The number with which the last part of a key starts. */
function indexOfKey(key: string): number {
  return Number.parseInt(key.slice(key.lastIndexOf('/') + 1), 10);
}
