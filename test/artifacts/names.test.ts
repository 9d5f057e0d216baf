import assert from 'node:assert/strict';
import test from 'node:test';
import { artifactNames, PLOTS, plotName, runName } from '../../src/artifacts/artifact-names.ts';

test('a training is named after the local time of its end, padded with zeros', () => {
  assert.equal(runName('diy', new Date(2025, 0, 3, 9, 4, 59)), 'diy_20250103_0904');
  assert.equal(runName('diy', new Date(2024, 11, 31, 23, 59)), 'diy_20241231_2359');
});

test('artifacts have the names that other programs expect', () => {
  const run = 'diy_20250103_0904';
  assert.deepEqual(artifactNames(run), {
    weights: 'diy_20250103_0904_weights.npz',
    config: 'diy_20250103_0904_config.json',
    metrics: 'diy_20250103_0904_metrics.json',
    history: 'diy_20250103_0904_history.json',
    predictions: 'diy_20250103_0904_predictions.csv',
    report: 'report.html',
  });
  assert.deepEqual(
    PLOTS.map((kind) => plotName(run, kind)),
    [
      'diy_20250103_0904_dashboard.png',
      'diy_20250103_0904_learning_curves.png',
      'diy_20250103_0904_roc_curve.png',
      'diy_20250103_0904_pr_curve.png',
      'diy_20250103_0904_confusion_matrix.png',
      'diy_20250103_0904_prediction_dist.png',
    ],
  );
});
