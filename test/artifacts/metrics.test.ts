import assert from 'node:assert/strict';
import test from 'node:test';
import { serializeHistory, serializeMetrics, summarizeRun } from '../../src/artifacts/metrics-file.ts';
import { bestEpoch, confusionCounts } from '../../src/artifacts/results.ts';
import { judge } from '../../src/training/fit/validation.ts';
import { madeUpConfig, madeUpEpochs, madeUpEvaluation, madeUpResults } from './made-up.ts';

test('metrics.json has the keys that other programs read, then our own', () => {
  const { history, evaluation } = madeUpResults();
  const date = new Date('2025-01-31T09:04:27Z');
  const metrics = JSON.parse(serializeMetrics(summarizeRun(date, madeUpConfig(), history, evaluation)));
  assert.deepEqual(Object.keys(metrics), [
    'timestamp',
    'hyperparameters',
    'val_metrics',
    'final_train_loss',
    'final_val_loss',
    'best_epoch',
    'best_val_loss',
    'epochs_run',
    'n_validation',
    'seconds',
  ]);
  assert.equal(metrics.timestamp, '2025-01-31T09:04:27.000Z');
  assert.deepEqual(metrics.hyperparameters, {
    n_samples: 4096,
    learning_rate: 1e-4,
    dropout_rate: 0.5,
    epochs: 50,
    batch_size: 64,
  });
  const { accuracy, auc, precision, recall, specificity } = evaluation;
  assert.deepEqual(metrics.val_metrics, { accuracy, auc, precision, recall, specificity });
  assert.deepEqual(Object.keys(metrics.val_metrics), [
    'accuracy',
    'auc',
    'precision',
    'recall',
    'specificity',
  ]);
});

test('final losses are from the last epoch, best losses from the epoch whose weights are kept', () => {
  const epochs = madeUpEpochs(22);
  const metrics = summarizeRun(new Date(0), madeUpConfig(), { epochs }, madeUpEvaluation(100));
  assert.equal(metrics.final_train_loss, epochs[21]!.loss);
  assert.equal(metrics.final_val_loss, epochs[21]!.val_loss);
  assert.equal(metrics.best_val_loss, Math.min(...epochs.map(({ val_loss }) => val_loss)));
  assert.equal(metrics.best_epoch, 12);
  assert.equal(metrics.epochs_run, 22);
});

test('an undefined AUC and a loss of NaN become null', () => {
  const epochs = madeUpEpochs(2);
  epochs[1] = { ...epochs[1]!, loss: Number.NaN };
  const metrics = summarizeRun(new Date(0), madeUpConfig(), { epochs }, madeUpEvaluation(100, 0));
  const read = JSON.parse(serializeMetrics(metrics));
  assert.equal(read.val_metrics.auc, null);
  assert.equal(read.final_train_loss, null);
});

test('history.json has one line per epoch and round-trips', () => {
  const epochs = madeUpEpochs(5);
  const text = serializeHistory({ epochs });
  assert.equal(text.split('\n').filter((line) => line.includes('"epoch":')).length, 5);
  assert.deepEqual(JSON.parse(text), { epochs });
});

test('the best epoch is the last that improved, or the very last if none did', () => {
  const epochs = madeUpEpochs(5);
  assert.equal(bestEpoch({ epochs: epochs.map((epoch, i) => ({ ...epoch, best: i < 3 })) }).epoch, 3);
  assert.equal(bestEpoch({ epochs: epochs.map((epoch) => ({ ...epoch, best: false })) }).epoch, 5);
  assert.throws(() => bestEpoch({ epochs: [] }), RangeError);
});

test('predictions are counted by class, and a probability of exactly 0.5 counts as a signal', () => {
  const evaluation = judge(Uint8Array.of(0, 0, 0, 1, 1, 1), Float32Array.of(-90, -0.01, 0, 0, 90, -2));
  assert.deepEqual(confusionCounts(evaluation), {
    trueNegative: 2,
    falsePositive: 1,
    falseNegative: 1,
    truePositive: 2,
  });
});

test('an inconsistent evaluation is refused', () => {
  const good = madeUpEvaluation(3);
  const wrong = [
    { ...good, labels: Uint8Array.of(0, 1) },
    { ...good, labels: Uint8Array.of(0, 1, 2) },
    { ...good, probabilities: Float64Array.of(0, 1, Number.NaN) },
    { ...good, probabilities: Float64Array.of(0, 1, 1.5) },
    { ...good, probabilities: Float64Array.of(0, 1, -0.1) },
  ];
  for (const evaluation of wrong) assert.throws(() => confusionCounts(evaluation), RangeError);
});
