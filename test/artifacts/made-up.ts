/** Realistic results of a training that never ran. They are seeded, so every test gets the same. */
import type { RunConfig } from '../../src/artifacts/config.ts';
import type { ReportData } from '../../src/artifacts/report/report-data.ts';
import type { Epoch, Results } from '../../src/artifacts/results.ts';
import { prCurve, rocCurve } from '../../src/training/fit/metrics.ts';
import { judge } from '../../src/training/fit/validation.ts';
import { completeSettings } from '../../src/training/settings.ts';

/** Uniform random numbers in [0, 1), by mulberry32. */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Standard normal random numbers, by Box and Muller. */
export function normal(seed: number): () => number {
  const next = uniform(seed);
  return () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

/** Epochs of a fit whose validation loss is lowest some epochs before the end. */
export function madeUpEpochs(count: number): Epoch[] {
  const noise = normal(3);
  let best = Number.POSITIVE_INFINITY;
  return Array.from({ length: count }, (_, i) => {
    const val_loss = 0.47 + 0.22 * Math.exp(-i / 3) + 0.0016 * Math.max(0, i - 12) ** 1.5 + 0.004 * noise();
    const isBest = val_loss < best;
    if (isBest) best = val_loss;
    return {
      epoch: i + 1,
      loss: 0.43 + 0.27 * Math.exp(-i / 4) - 0.002 * i + 0.002 * noise(),
      val_loss,
      val_accuracy: 0.785 - 0.22 * Math.exp(-i / 3) + 0.004 * noise(),
      val_auc: 0.855 - 0.25 * Math.exp(-i / 2.5) + 0.003 * noise(),
      learning_rate: i < 14 ? 1e-4 : i < 18 ? 5e-5 : 2.5e-5,
      seconds: 41.5 + noise(),
      input_wait: 0.001,
      best: isBest,
    };
  });
}

/** The evaluation of a model that misses quiet signals. */
export function madeUpEvaluation(count: number, signals = 0.5) {
  const next = uniform(11);
  const noise = normal(5);
  const labels = new Uint8Array(count);
  const logits = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const signal = next() < signals;
    labels[i] = signal ? 1 : 0;
    const loud = signal && next() < 0.65;
    logits[i] = (loud ? 3 : -1.1) + 0.9 * noise();
  }
  return judge(labels, logits);
}

export interface MadeUp {
  epochs?: number;
  records?: number;
  /** Share of signals among the records. */
  signals?: number;
}

export function madeUpResults({ epochs = 22, records = 11_208, signals = 0.5 }: MadeUp = {}): Results {
  const evaluation = madeUpEvaluation(records, signals);
  const { labels, logits } = evaluation;
  return {
    history: { epochs: madeUpEpochs(epochs) },
    evaluation,
    roc: rocCurve(labels, logits),
    pr: prCurve(labels, logits),
  };
}

/** A report with all its parts. Some ids and reasons are those of a hostile file. */
export function madeUpReport(results: Results = madeUpResults()): ReportData {
  return {
    ...results,
    run: 'diy_20250131_0904',
    date: new Date('2025-01-31T09:04:27Z'),
    config: madeUpConfig(),
    data: {
      dataset: 'g2net-like',
      input: 56_046,
      written: 56_040,
      rejected: 6,
      training: 44_832,
      validation: 11_208,
      dtype: 'float16',
    },
    rejected: [
      { id: '00000e74ad', file: 'train/0/0/0/00000e74ad.npy', reason: 'NaN or Inf at H1[17]' },
      { id: '0f1b2c3d4e', file: 'train/0/f/1/0f1b2c3d4e.npy', reason: 'V1 is all zero' },
      { id: '5ab3310c9d', file: 'train/5/a/b/5ab3310c9d.npy', reason: 'found 51,200 bytes, needed 98,432' },
      {
        id: '<img src=x onerror=alert(1)>',
        file: 'train/"><script>alert(2)</script>.npy',
        reason: "& ' \u0007",
      },
      { id: 'c'.repeat(90), file: `${'deep/'.repeat(30)}x.npy`, reason: 'no such file' },
      { id: '', file: 'training_labels.csv', reason: 'line 12: found target 2, needed 0 or 1' },
    ],
    versions: { chirpline: '0.1.0', 'Node.js': '20.20.2', 'TensorFlow.js': '4.22.0', TensorFlow: '2.21.0' },
    device: 'CPU, 2 threads',
    note: 'Simulated data with signals far louder than those of G2Net: the scores say nothing about real data.',
  };
}

export function madeUpConfig(): RunConfig {
  return {
    ...completeSettings({ seed: 7, precision: 'mixed' }, 'gpu'),
    n_samples: 4096,
    compute_dtype: 'bfloat16',
    n_gpus: 2,
    recipe_hash: '3f9a1c0d27be',
    psd_sha256: '9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab',
    records: 'g2net-like',
  };
}
