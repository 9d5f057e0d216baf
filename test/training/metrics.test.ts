import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandomStream } from '../../src/core/random.ts';
import { areaUnderRoc, countAnswers, prCurve, rocCurve, score } from '../../src/training/fit/metrics.ts';
import { runPython } from '../support/python.ts';

/** Correlated labels and probabilities, with `levels` distinct probabilities, so that there are ties. */
function makeAnswers(count: number, levels: number, seed: number) {
  const random = createRandomStream(seed, 0, 0);
  const labels = Uint8Array.from({ length: count }, () => Math.floor(random.uniform(0, 2)));
  const probabilities = Float32Array.from(labels, (label) => {
    return Math.floor(levels * (0.7 * random.uniform(0, 1) + 0.3 * label)) / levels;
  });
  return { labels, probabilities };
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
called = p >= .5
print(json.dumps(dict(
  auc=auc, accuracy=np.mean(called == y), precision=np.mean(y[called]), recall=np.mean(called[y == 1]),
  specificity=np.mean(~called[y == 0]),
  roc=[[0, 0]] + np.stack([fp / len(noise), tp / len(signal)], 1).tolist(),
  pr=np.stack([tp / len(signal), tp / (tp + fp)], 1).tolist())))`;

for (const [count, levels] of [
  [400, 1e6],
  [400, 7],
] as const) {
  test(`scores and curves agree with NumPy's, with ${levels} possible probabilities`, () => {
    const { labels, probabilities } = makeAnswers(count, levels, levels);
    const { roc, pr, ...scores } = JSON.parse(
      runPython(REFERENCE, JSON.stringify([[...labels], [...probabilities]])),
    );
    const close = (actual: number, expected: number) =>
      assert.ok(Math.abs(actual - expected) < 1e-12, `${actual} ${expected}`);
    for (const [name, value] of Object.entries(score(labels, probabilities))) close(value!, scores[name]);
    const ourRoc = rocCurve(labels, probabilities);
    assert.equal(ourRoc.length, roc.length);
    for (const [i, { fpr, tpr }] of ourRoc.entries()) {
      close(fpr, roc[i][0]);
      close(tpr, roc[i][1]);
    }
    const ourPr = prCurve(labels, probabilities);
    assert.equal(ourPr.length, pr.length);
    for (const [i, { recall, precision }] of ourPr.entries()) {
      close(recall, pr[i][0]);
      close(precision, pr[i][1]);
    }
  });
}

test('the area under the drawn ROC curve is the AUC', () => {
  const { labels, probabilities } = makeAnswers(1000, 20, 3);
  const roc = rocCurve(labels, probabilities);
  let area = 0;
  for (const [i, { fpr, tpr }] of roc.slice(1).entries())
    area += ((fpr - roc[i]!.fpr) * (tpr + roc[i]!.tpr)) / 2;
  assert.ok(Math.abs(area - areaUnderRoc(labels, probabilities)!) < 1e-12);
  assert.deepEqual(roc.at(-1), { fpr: 1, tpr: 1 });
});

test('a score whose denominator is 0 is null', () => {
  const onlySignals = score(Uint8Array.of(1, 1), Float32Array.of(0.2, 0.3));
  assert.deepEqual(onlySignals, { accuracy: 0, auc: null, precision: null, recall: 0, specificity: null });
  const onlyNoise = score(Uint8Array.of(0, 0), Float32Array.of(0.2, 0.7));
  assert.deepEqual(onlyNoise, { accuracy: 0.5, auc: null, precision: 0, recall: null, specificity: 0.5 });
  assert.deepEqual(rocCurve(Uint8Array.of(0, 0), Float32Array.of(0.2, 0.7)), []);
  assert.deepEqual(prCurve(Uint8Array.of(0, 0), Float32Array.of(0.2, 0.7)), []);
});

test('a probability of exactly one half is predicted as a signal', () => {
  const counts = countAnswers(Uint8Array.of(1, 0, 1, 0), Float32Array.of(0.5, 0.5, 0.49, 0.49));
  assert.deepEqual(counts, { trueNegative: 1, falsePositive: 1, falseNegative: 1, truePositive: 1 });
});
