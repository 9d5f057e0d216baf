/** The JSON part of a checkpoint. It is validated when read: the file may be damaged, or written by anyone. */
import * as v from 'valibot';
import { InputError } from '../../core/errors.ts';
import { parseJson } from '../../storage/json.ts';
import type { Settings } from '../settings.ts';
import type { Epoch, FitState } from './fit-state.ts';

export const VERSION = 1;

/** No number in the state of a fit is negative. */
const number = v.pipe(v.number(), v.finite(), v.minValue(0));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const epochSchema: v.GenericSchema<unknown, Epoch> = v.object({
  epoch: count,
  loss: number,
  val_loss: number,
  val_accuracy: number,
  val_auc: v.nullable(number),
  learning_rate: number,
  seconds: number,
  input_wait: number,
  best: v.boolean(),
});

const stateSchema: v.GenericSchema<unknown, FitState> = v.object({
  epoch: count,
  step: count,
  samples: count,
  lossSum: number,
  seconds: number,
  waited: number,
  schedule: v.object({
    learningRate: number,
    best: v.nullable(v.object({ loss: number, auc: v.nullable(number) })),
    improved: v.boolean(),
    epochsSinceBest: count,
    epochsOnPlateau: count,
    stop: v.boolean(),
  }),
  history: v.object({ epochs: v.array(epochSchema), best_epoch: count }),
});

const storedSchema = v.object({
  version: v.literal(VERSION),
  /** Name of the run, with which its artifacts' names begin. It must not lead out of their folder. */
  run: v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]*_\d{8}_\d{4}(_\d+)?$/)),
  /** Number of updates that the optimizer has made. */
  updates: count,
  lossScale: v.optional(v.object({ scale: v.pipe(number, v.gtValue(0)), steps: count })),
  state: stateSchema,
});
export type StoredState = v.InferOutput<typeof storedSchema>;

/** The settings that limit the state that a fit can reach. */
export type FitBounds = Pick<Settings, 'preset' | 'epochs' | 'batch_size' | 'average_weights'>;

/** Throws InputError when the bytes aren't JSON, have another version, or hold a state that no fit within `bounds` can reach. */
export function parseStoredState(bytes: Uint8Array, bounds: FitBounds, object: string): StoredState {
  const stored = parseJson(bytes, object, storedSchema);
  const { run, state } = stored;
  const { epoch, step, samples, history } = state;
  const { preset, epochs, batch_size } = bounds;
  const demand = (holds: boolean, name: string, value: unknown, needed: string) => {
    if (!holds) throw new InputError({ object, found: `${JSON.stringify(value)} as ${name}`, needed });
  };
  demand(run.startsWith(`${preset}_`), 'run', run, `the name of a run of preset ${preset}`);
  for (const [index, own] of history.epochs.entries()) {
    demand(own.epoch === index + 1, 'epoch', own.epoch, String(index + 1));
  }
  const done = history.epochs.length;
  demand(epoch === done + 1 && epoch <= epochs + 1, 'epoch', epoch, `${done + 1}, at most ${epochs + 1}`);
  demand(history.best_epoch <= done, 'best_epoch', history.best_epoch, `at most ${done}`);
  // Every batch of an epoch is full, except possibly the last.
  const size = step * batch_size;
  const isReachable = samples <= size && samples >= size - batch_size + Math.min(step, 1);
  demand(isReachable, 'samples', samples, `the number of samples in ${step} batches of ${batch_size}`);
  return stored;
}
