/** Training as a step: records in, a model and its artifacts out. */
import { describeLocation, type RunConfig } from '../artifacts/config.ts';
import { initialWeights } from '../model/weights.ts';
import { openStore } from '../storage/open.ts';
import { probeWriting } from '../storage/probe.ts';
import { SAMPLE_LENGTH } from '../strain.ts';
import { type Device, describeTensorFlow, loadTensorFlow } from '../tensorflow/load.ts';
import { createEngine, type EngineKind } from '../training/engines.ts';
import { evaluate } from '../training/evaluate.ts';
import { type FitObserver, fit } from '../training/fit.ts';
import { splitRecords } from '../training/input.ts';
import { openRecords } from '../training/records.ts';
import { REPORT_KEY, type SavedRun, saveRun } from './artifacts.ts';
import type { Observer } from './progress.ts';
import { readMetadataIfPresent } from './work.ts';

export interface TrainSettings {
  epochs: number;
  /** Default: 32 on a CPU, 64 on a GPU, as the reference. */
  batchSize?: number;
  learningRate: number;
  dropout: number;
  seed: number;
  /** Share of the records, from the first on, that is kept for validation. */
  validationSplit: number;
  device: Device;
  engine: EngineKind;
  /** What a reader of the report must know about the data. */
  note?: string;
}

/** Trains DIYModel on the records and writes `saved/` with its artifacts. Both are locations, see openStore. */
export async function trainModel(
  recordsLocation: string,
  modelsLocation: string,
  settings: TrainSettings,
  observer: Observer = {},
  signal?: AbortSignal,
): Promise<SavedRun> {
  const records = openStore(recordsLocation);
  const models = openStore(modelsLocation);
  const set = await openRecords(records);
  await probeWriting(models, REPORT_KEY);
  const metadata = await readMetadataIfPresent(records);
  const say = (line: string) => observer.say?.(line);
  const tf = await loadTensorFlow({ device: settings.device, log: say });
  const { version, device } = describeTensorFlow(tf);

  const { seed, epochs, learningRate, dropout, validationSplit } = settings;
  const batchSize = settings.batchSize ?? (device === 'gpu' ? 64 : 32);
  const input = splitRecords(set, { batchSize, validationSplit, seed });
  say(`TensorFlow ${version} on ${device.toUpperCase()}`);
  say(
    `training on ${input.trainingCount} records, validating on ${input.validationCount}, in batches of ${batchSize}`,
  );
  const config: RunConfig = {
    n_samples: SAMPLE_LENGTH,
    learning_rate: learningRate,
    dropout_rate: dropout,
    epochs,
    batch_size: batchSize,
    seed,
    validation_split: validationSplit,
    preset: 'diy',
    recipe_hash: metadata?.recipe_hash ?? 'unknown',
    psd_sha256: metadata?.psd_sha256 ?? 'unknown',
    records: describeLocation(recordsLocation),
  };

  const engine = createEngine(tf, settings.engine, initialWeights('diy', seed), { preset: 'diy', dropout });
  try {
    const fitSettings = { epochs, learningRate, seed, ...(signal && { signal }) };
    const history = await fit(engine, input, fitSettings, reportFit(observer, epochs));
    const evaluation = await evaluate(engine, input.validation(), input.validationCount, signal);
    return await saveRun(records, models, {
      config,
      metadata,
      weights: engine.getWeights(),
      history,
      evaluation,
      training: input.trainingCount,
      tensorflow: version,
      device,
      note: settings.note,
    });
  } finally {
    engine.dispose();
  }
}

/** Passes on what the fit tells: a bar of steps for each epoch, and a line at its end. */
function reportFit(observer: Observer, epochs: number): FitObserver {
  return {
    step: ({ epoch, step, steps, loss }) =>
      observer.progress?.({
        stage: `epoch ${epoch}/${epochs}`,
        done: step,
        total: steps,
        unit: 'steps',
        note: `loss ${loss.toFixed(4)}`,
      }),
    epoch: ({ epoch, loss, val_loss, val_accuracy, val_auc, learning_rate, best }) =>
      observer.say?.(
        `epoch ${epoch}/${epochs}  loss ${loss.toFixed(4)}  val ${val_loss.toFixed(4)}  ` +
          `accuracy ${val_accuracy.toFixed(3)}  AUC ${val_auc?.toFixed(3) ?? '-'}  ` +
          `rate ${learning_rate.toExponential(1)}${best ? ' *' : ''}`,
      ),
  };
}
