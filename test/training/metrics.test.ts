import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandomStream } from '../../src/core/random.ts';
import { meanLogits, sigmoid } from '../../src/training/fit/logit.ts';
import { areaUnderRoc, countAnswers, prCurve, rocCurve, score } from '../../src/training/fit/metrics.ts';
import { judge } from '../../src/training/fit/validation.ts';
import { runPython } from '../support/python.ts';

/** Correlated labels and logits, with `levels` distinct logits, so that there are ties. */
function makeAnswers(count: number, levels: number, seed: number) {
  const random = createRandomStream(seed, 0, 0);
  const labels = Uint8Array.from({ length: count }, () => Math.floor(random.uniform(0, 2)));
  const logits = Float32Array.from(labels, (label) => {
    return Math.floor(levels * (0.7 * random.uniform(0, 1) + 0.3 * label - 0.5)) / levels;
  });
  return { labels, logits };
}

/** The definitions, computed on whole arrays. */
const REFERENCE = `
import json, sys
import numpy as np
y, p = (np.array(a) for a in json.loads(sys.argv[1]))
signal, noise = p[y == 1], p[y == 0]
auc = np.mean((signal[:, None] > noise) + .5 * (signal[:, None] == noise))
t = np.unique(p)[::-1]
tp = np.array([(signal >= v).sum() for v in t]); fp = np.array([(noise >= v).sum() for v in t])
called = p >= 0
print(json.dumps(dict(
  auc=auc, accuracy=np.mean(called == y), precision=np.mean(y[called]), recall=np.mean(called[y == 1]),
  specificity=np.mean(~called[y == 0]),
  roc=[[0, 0]] + np.stack([fp / len(noise), tp / len(signal)], 1).tolist(),
  pr=np.stack([tp / len(signal), tp / (tp + fp)], 1).tolist())))`;

for (const [count, levels] of [
  [400, 1e6],
  [400, 7],
] as const) {
  test(`scores and curves agree with NumPy's, with ${levels} possible logits`, () => {
    const { labels, logits } = makeAnswers(count, levels, levels);
    const { roc, pr, ...scores } = JSON.parse(
      runPython(REFERENCE, JSON.stringify([[...labels], [...logits]])),
    );
    const close = (actual: number, expected: number) =>
      assert.ok(Math.abs(actual - expected) < 1e-12, `${actual} ${expected}`);
    for (const [name, value] of Object.entries(score(labels, logits))) close(value!, scores[name]);
    const ourRoc = rocCurve(labels, logits);
    assert.equal(ourRoc.length, roc.length);
    for (const [i, { fpr, tpr }] of ourRoc.entries()) {
      close(fpr, roc[i][0]);
      close(tpr, roc[i][1]);
    }
    const ourPr = prCurve(labels, logits);
    assert.equal(ourPr.length, pr.length);
    for (const [i, { recall, precision }] of ourPr.entries()) {
      close(recall, pr[i][0]);
      close(precision, pr[i][1]);
    }
  });
}

test('the area under the drawn ROC curve is the AUC', () => {
  const { labels, logits } = makeAnswers(1000, 20, 3);
  const roc = rocCurve(labels, logits);
  let area = 0;
  for (const [i, { fpr, tpr }] of roc.slice(1).entries())
    area += ((fpr - roc[i]!.fpr) * (tpr + roc[i]!.tpr)) / 2;
  assert.ok(Math.abs(area - areaUnderRoc(labels, logits)!) < 1e-12);
  assert.deepEqual(roc.at(-1), { fpr: 1, tpr: 1 });
});

test('a score whose denominator is 0 is null', () => {
  const onlySignals = score(Uint8Array.of(1, 1), Float32Array.of(-2, -0.1));
  assert.deepEqual(onlySignals, { accuracy: 0, auc: null, precision: null, recall: 0, specificity: null });
  const onlyNoise = score(Uint8Array.of(0, 0), Float32Array.of(-2, 0.7));
  assert.deepEqual(onlyNoise, { accuracy: 0.5, auc: null, precision: 0, recall: null, specificity: 0.5 });
  assert.deepEqual(rocCurve(Uint8Array.of(0, 0), Float32Array.of(-2, 0.7)), []);
  assert.deepEqual(prCurve(Uint8Array.of(0, 0), Float32Array.of(-2, 0.7)), []);
});

test('a sample at the threshold is predicted as a signal', () => {
  const counts = countAnswers(Uint8Array.of(1, 0, 1, 0), Float32Array.of(0.5, 0.5, 0.49, 0.49), 0.5);
  assert.deepEqual(counts, { trueNegative: 1, falsePositive: 1, falseNegative: 1, truePositive: 1 });
});

test('logits of 20 and 30 are ranked, although their probabilities are 1 in float32 and in float16', () => {
  const labels = Uint8Array.of(0, 1);
  const logits = Float32Array.of(20, 30);
  const probabilities = Float32Array.from(logits, sigmoid);
  assert.deepEqual([...probabilities], [1, 1]);
  assert.equal(areaUnderRoc(labels, probabilities), 0.5);
  assert.equal(score(labels, logits).auc, 1);
  assert.equal(judge(labels, logits).auc, 1);
  assert.equal(judge(labels.toReversed(), logits).auc, 0);
});

test('the logit of a mean probability is right, also where the mean rounds to 1', () => {
  const means = meanLogits([Float32Array.of(40, 1, -3), Float32Array.of(50, -2, 3)]);
  // Near 1 the mean of 1 - p is that of exp(-logit).
  const expected = [
    40 + Math.LN2 - Math.log1p(Math.exp(-10)),
    Math.log((sigmoid(1) + sigmoid(-2)) / (sigmoid(-1) + sigmoid(2))),
    0,
  ];
  for (const [i, mean] of means.entries()) assert.ok(Math.abs(mean - expected[i]!) < 4e-6, `${means}`);
  const alone = Float32Array.of(20, 30);
  assert.deepEqual(meanLogits([alone]), alone);
});
