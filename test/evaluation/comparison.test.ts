import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { LIGHT } from '../../src/artifacts/charts/theme.ts';
import { serializeConfig } from '../../src/artifacts/config.ts';
import { serializeHistory } from '../../src/artifacts/metrics-file.ts';
import { InputError, SettingError } from '../../src/core/errors.ts';
import { compareTrainings } from '../../src/evaluation/comparison.ts';
import { rocsChart } from '../../src/evaluation/comparison-charts.ts';
import { renderComparison } from '../../src/evaluation/comparison-page.ts';
import { describeComparison, summarizeComparison } from '../../src/evaluation/comparison-values.ts';
import { parseHistory, readTrainings, type Training } from '../../src/evaluation/trainings.ts';
import { serializePredictions } from '../../src/inference/predictions-file.ts';
import { aucInterval } from '../../src/training/fit/auc-interval.ts';
import { areaUnderRoc } from '../../src/training/fit/metrics.ts';
import { faultsOf, launchBrowser } from '../artifacts/browser.ts';
import { madeUpConfig, madeUpEpochs, madeUpEvaluation, normal } from '../artifacts/made-up.ts';
import { scratch } from '../support/fixtures.ts';

/** A training whose probabilities are blurred: the more, the worse it is. */
function training(name: string, blur = 0, records = 3000): Training {
  const { labels, probabilities } = madeUpEvaluation(records);
  const noise = normal(9);
  return {
    place: `/data/models/g2net/saved/${name}`,
    config: madeUpConfig(),
    history: { epochs: madeUpEpochs(5) },
    predictions: {
      object: 'p.csv',
      fold: 0,
      ids: Array.from(labels, (_, i) => `id${i}`),
      labels,
      probabilities: probabilities.map((p) => 1 / (1 + Math.exp(-Math.log(p / (1 - p)) - blur * noise()))),
    },
  };
}

test('trainings are compared by AUC with its interval and by recall, and only settings that differ are listed', () => {
  const other = training('b', 3);
  const given = [training('a'), { ...other, config: { ...other.config, seed: 8, signals: 'waves' } }];
  const { trainings, differences, warnings } = compareTrainings(given);
  for (const [i, { auc, validation }] of trainings.entries()) {
    const { labels, probabilities } = given[i]!.predictions!;
    assert.equal(auc, areaUnderRoc(labels, probabilities));
    assert.deepEqual(validation!.auc_interval, aucInterval(labels, probabilities));
  }
  assert.ok(trainings[0]!.auc! > trainings[1]!.auc! + 0.05);
  assert.deepEqual(
    trainings.map(({ letter, name }) => [letter, name]),
    [
      ['A', 'g2net/a'],
      ['B', 'g2net/b'],
    ],
  );
  assert.deepEqual(differences, [
    { name: 'seed', values: [7, 8] },
    { name: 'signals', values: [undefined, 'waves'] },
  ]);
  assert.deepEqual(warnings, []);
  const text = describeComparison({ trainings, differences, warnings });
  assert.match(text, /^A {2}\/data\/models\/g2net\/saved\/a$/m);
  assert.match(text, /^B +3000 +\d of 5 +0\.\d{4} +0\.\d{4} to 0\.\d{4} +0\.\d{3}/m);
  assert.match(text, /^signals +none +waves$/m);
  const summary = JSON.stringify(summarizeComparison({ trainings, differences, warnings }));
  assert.ok(summary.includes('"recall_at_far"') && !summary.includes('"roc"'));
});

test('the order of the validation records does not matter, but other records or labels make AUCs incomparable', () => {
  const first = training('a');
  const warningsWith = (predictions: Training['predictions']) =>
    compareTrainings([first, { ...first, predictions }]).warnings.join(' ');
  const { ids, labels, probabilities, ...rest } = first.predictions!;
  const reversed = {
    ids: ids.toReversed(),
    labels: labels.toReversed(),
    probabilities: probabilities.toReversed(),
  };
  assert.equal(warningsWith({ ...rest, ...reversed }), '');
  const renamed = ids.with(0, 'another');
  assert.match(
    warningsWith({ ...rest, ids: renamed, labels, probabilities }),
    /not the same \(A on 3000; B on 3000\): AUC and recall on different records are not comparable/,
  );
  const flipped = labels.with(0, 1 - labels[0]!);
  assert.match(warningsWith({ ...rest, ids, labels: flipped, probabilities }), /not comparable/);
  assert.match(warningsWith(undefined), /No predictions\.csv of B .*its AUC is not comparable/);
});

test('one training is not compared, nor nine', () => {
  const one = training('a', 0, 20);
  assert.throws(() => compareTrainings([one]), /found one training, needed 2 to 8/);
  assert.throws(() => compareTrainings(Array(9).fill(one)), SettingError);
});

test('each training has its own line in the ROC chart', () => {
  const { trainings } = compareTrainings([...'abcdefgh'].map((name, i) => training(name, i, 200)));
  const { series } = rocsChart(LIGHT, trainings) as unknown as {
    series: { name: string; color: string; lineStyle: { type: string } }[];
  };
  assert.deepEqual(
    series.map(({ name }) => name),
    [...'ABCDEFGH'],
  );
  assert.equal(new Set(series.map(({ color, lineStyle }) => `${color} ${lineStyle.type}`)).size, 8);
});

test('a folder of trainings, one of them by its weights, is read back', async (t) => {
  const out = scratch(t);
  const saved = join(out, 'saved');
  mkdirSync(saved);
  const write = (name: string, text: string) => writeFileSync(join(saved, name), text);
  const { history, predictions } = training('x', 0, 50);
  for (const run of ['diy_20260102_0304', 'diy_20260102_0305']) {
    write(`${run}_config.json`, serializeConfig({ ...madeUpConfig(), init: 'm_weights.npz' }));
    await assert.rejects(readTrainings(join(saved, `${run}_weights.npz`)), /found no diy.*_metrics\.json/);
    write(`${run}_history.json`, serializeHistory(history));
    write(`${run}_metrics.json`, '{}');
  }
  write('diy_20260102_0305_predictions.csv', serializePredictions([predictions!]));
  const read = await readTrainings(out);
  assert.deepEqual(
    read.map(({ place, config, history, predictions }) => [
      place,
      config.init,
      history.epochs.length,
      predictions?.ids.length,
    ]),
    [
      [join(saved, 'diy_20260102_0304'), 'm_weights.npz', 5, undefined],
      [join(saved, 'diy_20260102_0305'), 'm_weights.npz', 5, 50],
    ],
  );
  assert.deepEqual(read[1]!.predictions!.probabilities, predictions!.probabilities);
  const [own] = await readTrainings(join(saved, 'diy_20260102_0305_weights.npz'));
  assert.deepEqual(own, { ...read[1], place: own!.place });
  assert.equal((await readTrainings(saved)).length, 2);
});

test('a location without a finished training is an error that says what was found', async (t) => {
  const out = scratch(t);
  await assert.rejects(
    readTrainings(out),
    /found no \.\.\._metrics\.json there or in saved\/, needed the folder/,
  );
  await assert.rejects(readTrainings(join(out, 'nowhere')), InputError);
  await assert.rejects(readTrainings(join(out, 'avg_psd.npz')), /a file that is no \.\.\._weights\.npz/);
  writeFileSync(join(out, 'diy_20260102_0304_config.json'), '{}');
  await assert.rejects(readTrainings(out), /found a training that is not finished/);
});

test('a broken history.json is refused, and a loss of NaN is read back', () => {
  const epochs = madeUpEpochs(3);
  const parse = (changed: object) =>
    parseHistory(
      Buffer.from(JSON.stringify({ epochs: [epochs[0], { ...epochs[1], ...changed }] })),
      'h.json',
    );
  assert.ok(Number.isNaN(parse({ val_loss: null }).epochs[1]!.val_loss));
  for (const changed of [{ epoch: 1 }, { loss: 'x' }, { val_auc: 2 }, { best: 1 }, { epoch: 1.5 }])
    assert.throws(() => parse(changed), /^InputError: h\.json: found/, JSON.stringify(changed));
  assert.throws(() => parseHistory(Buffer.from('{"epochs":[]}'), 'h.json'), InputError);
});

test('browsers show the page of a comparison, whose names are text', async (t) => {
  const hostile = training('<script>alert(1)</script>', 2);
  const comparison = compareTrainings([
    training('a'),
    { ...hostile, config: { ...hostile.config, records: '<img src=x>' } },
    { ...training('c', 0, 100), history: { epochs: madeUpEpochs(1) } },
  ]);
  const file = join(scratch(t), 'comparison.html');
  writeFileSync(file, renderComparison(comparison, new Date('2026-01-02T03:04:05Z')));
  const browser = await launchBrowser();
  t.after(() => browser.close());
  for (const width of [390, 1440]) {
    const page = await browser.newPage({ viewport: { width, height: 900 } });
    await page.goto(pathToFileURL(file).href);
    assert.deepEqual(await faultsOf(page), [], `${width}`);
    const text = String(await page.evaluate('document.body.innerText'));
    for (const shown of ['Comparison of 3 trainings', '<script>alert(1)', '<img src=x>', 'Not comparable'])
      assert.ok(text.includes(shown), shown);
    assert.equal(await page.evaluate("document.querySelectorAll('.figures tbody tr').length"), 3);
    assert.equal(await page.evaluate("document.querySelectorAll('script').length"), 0);
    await page.close();
  }
});
