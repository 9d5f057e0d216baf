/** One chunk of simulated samples. */
import * as v from 'valibot';
import { type Stop, stopIfAborted } from '../core/stop.ts';
import { DETECTORS, SAMPLE_LENGTH, SAMPLE_SIZE } from '../core/strain.ts';
import { encodeNpy } from '../numpy/npy.ts';
import { encodeJson } from '../storage/json.ts';
import { openStore } from '../storage/open.ts';
import { labelRow, sampleKey, truthRow } from './layout.ts';
import type { SimulationSettings } from './simulation-settings.ts';
import { createSimulator } from './simulator.ts';

export const SIMULATED_PREFIX = '_work/simulated/';
/** Key of the result of the chunk that starts at sample `first`; kept until all chunks are finished. */
const simulatedKey = (first: number): string => `${SIMULATED_PREFIX}${String(first).padStart(8, '0')}.json`;

export interface SimulationTask {
  out: string;
  /** Index of the first sample. */
  first: number;
  count: number;
  settings: SimulationSettings;
}

const rowsSchema = v.array(v.array(v.string()));
export const resultSchema = v.object({ labels: rowsSchema, truth: rowsSchema });
export type SimulationResult = v.InferOutput<typeof resultSchema>;

/** Simulates the samples and writes each to its key. A sample depends only on the settings and its index. */
export async function simulateChunk(
  { out, first, count, settings }: SimulationTask,
  stop: Stop,
): Promise<SimulationResult> {
  const store = openStore(out);
  const simulator = createSimulator(settings);
  const strain = new Float64Array(SAMPLE_SIZE);
  const result: SimulationResult = { labels: [], truth: [] };
  for (let index = first; index < first + count; index += 1) {
    stopIfAborted(stop, simulatedKey(first), index - first, count);
    const sample = simulator.sample(index, strain);
    const bytes = encodeNpy({ dtype: '<f8', shape: [DETECTORS.length, SAMPLE_LENGTH], data: strain });
    await store.write(sampleKey(sample.id), bytes);
    result.labels.push(labelRow(sample));
    result.truth.push(truthRow(sample));
  }
  await store.write(simulatedKey(first), encodeJson(result));
  return result;
}
