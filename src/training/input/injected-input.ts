import type { Tensor1D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { InputError, SettingError } from '../../core/errors.ts';
import { decodeFloats } from '../../tensorflow/graph/encoded.ts';
import type { TF } from '../../tensorflow/install/load.ts';
import { type Injection, inject } from '../engine/inject.ts';
import { type Batch, createBatch, disposeBatch } from './batch.ts';
import type { TrainingInput } from './record-input.ts';

/**
 * Input of a fit on injections: the noise among the records, and signals without noise from an input of their own with the same
 * batch size. A training batch has both, and the step makes its samples from them. A validation batch has samples made once and
 * for all, from held-out noise and held-out signals.
 *
 * Batches are full, since a short one might have no noise; only if there are fewer validation records than a batch has, there is
 * one short batch. Disposes of both inputs.
 *
 * Throws SettingError when there are too few signals for a batch. Its passes throw InputError at a batch without noise.
 */
export function createInjectedInput(
  tf: TF,
  records: TrainingInput,
  signals: TrainingInput,
  settings: Injection & { seed: number },
): TrainingInput {
  const { batchSize } = records;
  const steps = Math.floor(records.trainingCount / batchSize);
  const validationSize = Math.min(batchSize, records.validationCount);
  const validationSteps = Math.floor(records.validationCount / validationSize);
  const least = Math.min(signals.trainingCount, signals.validationCount);
  if (least < batchSize || steps === 0)
    throw new SettingError(
      `found ${signals.trainingCount} signals and ${records.trainingCount} records to train on, and ${signals.validationCount} signals to validate on; needed at least batch_size (${batchSize}) of each`,
    );

  /** Full batches of signals from batch `first` on, pass after pass, without an end. */
  async function* repeat(
    read: (pass: number, done: number) => AsyncIterable<Batch>,
    count: number,
    first = 0,
  ) {
    const perPass = Math.floor(count / batchSize);
    for (let at = first; ; ) {
      const start = at;
      for await (const batch of read(Math.floor(at / perPass), at % perPass)) {
        yield batch;
        at++;
        if (at % perPass === 0) break;
      }
      if (at === start) throw new Error('a pass without a full batch');
    }
  }

  /** Pairs the first `count` batches of records, which must have noise, with batches of signals. */
  async function* pair(batches: AsyncIterable<Batch>, others: AsyncGenerator<Batch>, count: number) {
    let done = 0;
    try {
      for await (const batch of batches) {
        if (done++ === count) return;
        if (batch.labels.dataSync().every((label) => label === 1))
          throw new InputError({
            object: `a batch of ${batch.size} records`,
            found: 'no noise',
            needed: 'records that are mostly noise, to inject signals into',
          });
        yield { batch, injected: (await others.next()).value as Batch };
      }
    } finally {
      await others.return(undefined);
    }
  }

  return {
    trainingCount: steps * batchSize,
    validationCount: validationSteps * validationSize,
    validationFirst: records.validationFirst,
    batchSize,
    get waited() {
      return records.waited + signals.waited;
    },
    async *training(epoch, done = 0) {
      const first = (epoch - 1) * steps + done;
      const others = repeat((pass, skip) => signals.training(pass + 1, skip), signals.trainingCount, first);
      const pairs = pair(records.training(epoch, done), others, steps - done);
      for await (const { batch, injected } of pairs) yield { ...batch, injected: injected.signals };
    },
    async *validation() {
      const others = repeat(() => signals.validation(), signals.validationCount);
      let number = 0;
      for await (const { batch, injected } of pair(records.validation(), others, validationSteps)) {
        const made = makeSamples(tf, batch, injected, [settings.seed, number++], settings);
        try {
          yield made;
        } finally {
          disposeBatch(made);
        }
      }
    },
    examine: async () => {
      await records.examine();
      await signals.examine();
    },
    dispose: () => {
      records.dispose();
      signals.dispose();
    },
  };
}

/** The samples of a validation batch. Equal seeds and numbers give equal samples. */
function makeSamples(
  tf: TF,
  records: Batch,
  injected: Batch,
  [seed, number]: readonly [number, number],
  settings: Injection,
): Batch {
  let values = new Float32Array();
  let labels = new Float32Array();
  tf.tidy(() => {
    const noise = { signals: decodeFloats(tf, records.signals) as Tensor3D, labels: records.labels };
    const signals = decodeFloats(tf, injected.signals).slice([0], [records.size]) as Tensor3D;
    // The second number of training's seeds isn't negative.
    const seedOf = (purpose: number): Tensor1D => tf.tensor1d([seed, -1 - 4 * number - purpose], 'int32');
    const made = inject(tf, noise, signals, seedOf, settings);
    values = Float32Array.from(made.signals.dataSync());
    labels = Float32Array.from(made.labels.dataSync());
  });
  return createBatch(tf, values, labels);
}
