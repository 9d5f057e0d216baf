/** Writes a simulated dataset: samples spread over worker threads, then the labels, so that their presence says complete. */
import { stringify } from 'csv-stringify/sync';
import { labelColumns, truthColumns } from '../simulate/layout.ts';
import { openStore } from '../storage/open.ts';
import { LABELS_KEY } from './plan.ts';
import { withWorkers } from './pool.ts';
import type { Observer } from './progress.ts';
import type { SimulationResult, SimulationTask } from './simulation-task.ts';

export interface SimulateSettings {
  samples: number;
  seed: number;
  snrMedian: number;
  snrSigma: number;
  signalShare: number;
  workers?: number;
}

/** Samples of one task. */
const CHUNK_SIZE = 64;
/** What was injected. Beside the labels, but no reader of raw samples looks at it. */
const TRUTH_KEY = 'truth.csv';

export async function simulateDataset(
  out: string,
  settings: SimulateSettings,
  observer: Observer = {},
  signal?: AbortSignal,
): Promise<{ samples: number; signals: number }> {
  const { samples, workers, seed, snrMedian, snrSigma, signalShare } = settings;
  const tasks: SimulationTask[] = [];
  for (let first = 0; first < samples; first += CHUNK_SIZE) {
    const count = Math.min(CHUNK_SIZE, samples - first);
    tasks.push({ out, first, count, settings: { seed, snrMedian, snrSigma, signalShare } });
  }
  let done = 0;
  const results = await withWorkers<SimulationTask, SimulationResult, SimulationResult[]>(
    'simulation-task',
    { workers, signal },
    (run) =>
      Promise.all(
        tasks.map(async (task) => {
          const result = await run(task);
          done += task.count;
          observer.progress?.({ stage: 'simulate', done, total: samples, unit: 'samples' });
          return result;
        }),
      ),
  );
  const byId = (a: string[], b: string[]) => (a[0]! < b[0]! ? -1 : 1);
  const labels = results.flatMap((result) => result.labels).sort(byId);
  const truth = results.flatMap((result) => result.truth).sort(byId);
  const store = await openStore(out);
  await store.write(TRUTH_KEY, encodeCsv(truthColumns, truth));
  await store.write(LABELS_KEY, encodeCsv(labelColumns, labels));
  return { samples, signals: labels.filter(([, target]) => target === '1').length };
}

function encodeCsv(columns: readonly string[], rows: string[][]): Uint8Array {
  return new TextEncoder().encode(stringify(rows, { header: true, columns: [...columns] }));
}
