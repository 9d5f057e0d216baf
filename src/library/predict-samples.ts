import { checkMachineSettings } from '../core/machine-settings.ts';
import type { Observer } from '../core/progress.ts';
import { requireAccepted, whole } from '../core/setting.ts';
import { predictDataset } from '../inference/prediction-run.ts';
import { splitLocation } from '../storage/location.ts';
import { sigmoid } from '../training/fit/logit.ts';

/** The options of `chirpline predict`, with its defaults. */
export interface PredictOptions {
  /** An avg_psd.npz to whiten raw samples with. Default: the one beside the weights. */
  psd?: string;
  /** Threads that preprocess raw samples. Default: one per core. */
  workers?: number;
  /** Samples per batch. Default 64. */
  batchSize?: number;
  /** Whether each probability is the mean over the sample's four symmetries. Default false. */
  tta?: boolean;
  /** Default 'auto': an NVIDIA GPU if there is one. */
  device?: 'auto' | 'cpu' | 'gpu';
}

export interface Prediction {
  id: string;
  /** Of a signal, 0 to 1. */
  probability: number;
  /** Of records; raw samples have none. */
  label?: 0 | 1;
}

/** A raw sample without a prediction. */
export interface RejectedSample {
  id: string;
  file: string;
  reason: string;
}

/**
 * Predicts the probability of a signal with trained models, as `chirpline predict` does. The first call loads TensorFlow, which is
 * downloaded if this machine has none.
 *
 * @param weights files `..._weights.npz` of one or more models, whose probabilities are averaged.
 * @param data a folder of raw samples, which get the recipe and the PSD of the models, or of records.
 * @returns a prediction for each readable sample, in the order of their listing, and the others with the reasons.
 * @throws SettingError for an option out of range, MachineError when TensorFlow can't be loaded, ConflictError when models
 * and data have other recipes, InputError for broken files, StoppedError when `signal` is aborted.
 *
 * @example
 * import { predict } from 'chirpline';
 *
 * const { predictions, rejected } = await predict(['model/demo_weights.npz'], 'raw', { device: 'cpu' });
 * for (const { id, probability } of predictions) console.log(id, probability.toFixed(3));
 * for (const { file, reason } of rejected) console.log(file, reason);
 */
export async function predict(
  weights: readonly string[],
  data: string,
  { psd, batchSize = 64, device = 'auto', ...others }: PredictOptions = {},
  observer: Observer = {},
  signal?: AbortSignal,
): Promise<{ predictions: Prediction[]; rejected: RejectedSample[] }> {
  checkMachineSettings({ ...others, device });
  requireAccepted(whole('samples per batch', 1, 65_536), batchSize, 'batchSize');
  const settings = { ...others, batchSize, device, ...(psd !== undefined && { psd: splitLocation(psd) }) };
  const { ids, labels, logits, rejected } = await predictDataset(
    weights.map(splitLocation),
    data,
    settings,
    observer,
    signal,
  );
  const predictions = ids.map((id, i) => {
    const label = labels[i];
    return {
      id,
      probability: sigmoid(logits[i]!),
      ...(label !== undefined && { label: label as 0 | 1 }),
    };
  });
  return { predictions, rejected: rejected.map(({ id, file, reason }) => ({ id, file, reason })) };
}
