import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawSvg, framed } from '../../src/artifacts/charts/figure.ts';
import { logRocChart } from '../../src/artifacts/charts/log-roc.ts';
import { LIGHT } from '../../src/artifacts/charts/theme.ts';
import { measure } from '../../src/evaluation/evaluation.ts';
import { efficiencyChart, renderEvaluation } from '../../src/evaluation/evaluation-charts.ts';
import { rocCurve } from '../../src/training/fit/metrics.ts';
import { normal } from '../artifacts/made-up.ts';

/** 250 noise samples and 250 signals, whose logit grows with the SNR. */
function example(truth = true) {
  const noise = normal(6);
  const labels = Uint8Array.from({ length: 500 }, (_, i) => i % 2);
  const injected = Array.from(labels, (label, i) =>
    label === 0 ? null : { snr: i / 20, tc: 1.5 + i / 2000 },
  );
  const logits = Float32Array.from(injected, (one) => (one?.snr ?? 0) / 4 + noise());
  return { measures: measure(labels, logits, truth ? injected : undefined), roc: rocCurve(labels, logits) };
}

type Series = { name?: string; data?: [number, number | '-'][] };
const pointsOf = ({ series }: { series?: unknown }, name: RegExp) =>
  (series as Series[]).filter((one) => name.test(one.name ?? '')).map(({ data }) => data!);

test('the ROC curve begins at one false alarm on a logarithmic axis, and shows what is not reached', () => {
  const { measures, roc } = example();
  const chart = logRocChart(LIGHT, measures, roc);
  const { type, min, max } = chart.xAxis as { type: string; min: number; max: number };
  assert.deepEqual([type, max], ['log', 1]);
  assert.ok(Math.abs(min - 1e-3) < 1e-12);
  const [model] = pointsOf(chart, /^model/);
  assert.ok(Math.abs(model![0]![0] - 1 / 250) < 1e-9, `${model![0]}`);
  assert.deepEqual(model!.at(-1), [1, 1]);
  // Each drawn point is one of the curve.
  for (const [fpr, tpr] of model!)
    assert.ok(roc.some((point) => Math.abs(point.fpr - fpr) < 1e-9 && point.tpr === tpr));
  const [dots, bars] = pointsOf(chart, /^95 %/);
  const point = measures.recall_at_far[1]!;
  assert.ok('found' in point);
  const { share, interval } = point.found;
  assert.deepEqual(dots![1], [0.01, share]);
  assert.deepEqual(bars!.slice(3, 6), [
    [0.01, interval.low],
    [0.01, interval.high],
    [0.01, '-'],
  ]);
  assert.match(drawSvg(framed(LIGHT, chart, 720, 600)), /(&lt;|<) 1 false alarm/);
});

test('the efficiency is drawn in the middle of its bins, at each false-alarm rate', () => {
  const efficiency = example().measures.efficiency!;
  const chart = efficiencyChart(LIGHT, efficiency, 'snr', 'network SNR');
  const [dots] = pointsOf(chart, /^FAR 0\.01,/);
  assert.equal(dots!.length, 11);
  assert.deepEqual(dots![1], [3, efficiency.snr[1]!.found[1]!.share]);
  assert.equal(dots!.at(-1)![0], 21);
  const drawn = drawSvg(framed(LIGHT, chart, 600, 480));
  assert.match(drawn, /network SNR \(last dot: 20 and more\)/);
});

test('samples that define no curve give charts that say so', () => {
  const noise = measure(Uint8Array.of(0, 0), Float32Array.of(1, 2), [null, null]);
  assert.match(drawSvg(framed(LIGHT, logRocChart(LIGHT, noise, []), 720, 600)), /not defined/);
  const chart = efficiencyChart(LIGHT, noise.efficiency!, 'tc', 'merger time [s]');
  assert.match(drawSvg(framed(LIGHT, chart, 600, 480)), /not defined: too few noise samples/);
});

test('without the truth there is no plot of the efficiency', () => {
  const { measures, roc } = example(false);
  const { 'roc.png': png, 'efficiency.png': none } = renderEvaluation(measures, roc);
  assert.equal(Buffer.from(png!.subarray(1, 4)).toString(), 'PNG');
  assert.equal(none, undefined);
});
