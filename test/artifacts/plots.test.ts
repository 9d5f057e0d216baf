import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import test from 'node:test';
import { PLOTS, plotName } from '../../src/artifacts/artifact-names.ts';
import { lineChart, shortNumber } from '../../src/artifacts/charts/chart.ts';
import { dashboard } from '../../src/artifacts/charts/dashboard.ts';
import { drawPng, drawSvg, framed } from '../../src/artifacts/charts/figure.ts';
import { renderPlots } from '../../src/artifacts/charts/plots.ts';
import { histogram } from '../../src/artifacts/charts/prediction-charts.ts';
import { LIGHT } from '../../src/artifacts/charts/theme.ts';
import { thin } from '../../src/artifacts/charts/threshold-curves.ts';
import { assertSameBytes } from '../support/bytes.ts';
import { type MadeUp, madeUpEvaluation, madeUpResults } from './made-up.ts';
import { countColor, countDifferent, decodePng } from './pixels.ts';

const RUN = 'diy_20250131_0904';
const SIZES: Record<string, readonly [number, number]> = {
  dashboard: [3360, 2008],
  learning_curves: [2400, 1520],
  roc_curve: [1440, 1480],
  pr_curve: [1440, 1480],
  confusion_matrix: [1280, 1280],
  prediction_dist: [1920, 1200],
};

function textsOf(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text ?? '');
}

test('a training has six plots with fixed names and sizes, and curves in the colours of the legend', async () => {
  const files = renderPlots(RUN, madeUpResults());
  assert.deepEqual([...files.keys()].sort(), PLOTS.map((kind) => plotName(RUN, kind)).sort());
  for (const kind of PLOTS) {
    const picture = await decodePng(files.get(plotName(RUN, kind))!);
    assert.deepEqual([picture.width, picture.height], SIZES[kind], kind);
    const curve = kind === 'confusion_matrix' ? LIGHT.text : LIGHT.blue;
    assert.ok(countColor(picture, curve) > 500, kind);
    assert.equal(countColor(picture, '#123456'), 0, kind);
    const background = countColor(picture, LIGHT.background) / (picture.width * picture.height);
    assert.ok(background > 0.1 && background < 0.98, `${kind}: ${background}`);
  }
});

test('the same results give plots with the same bytes', () => {
  const results = madeUpResults({ epochs: 3, records: 200 });
  const draw = () => drawPng(dashboard(LIGHT, RUN, results));
  assertSameBytes(draw(), draw());
});

test('text is drawn with the bundled font, independent of the fonts of the machine', async () => {
  const draw = (title: string) =>
    decodePng(
      drawPng(
        framed(
          LIGHT,
          lineChart(LIGHT, { title, x: { name: '' }, y: { name: '' }, lines: [], legend: false }),
          300,
          200,
        ),
      ),
    );
  const [without, something, other] = [await draw(''), await draw('Loss'), await draw('Gain')];
  assert.equal(countDifferent(without, await draw('')), 0);
  assert.ok(countDifferent(without, something) > 200);
  assert.ok(countDifferent(something, other) > 100);

  // A process without any system font must draw the same bytes.
  const program = `
    import { createHash } from 'node:crypto';
    import { GlobalFonts } from '@napi-rs/canvas';
    if (process.argv[1] === 'bare') GlobalFonts.removeAll();
    const { renderPlots } = await import('./src/artifacts/charts/plots.ts');
    const { madeUpResults } = await import('./test/artifacts/made-up.ts');
    const hash = createHash('sha256');
    for (const bytes of renderPlots('${RUN}', madeUpResults({ epochs: 3, records: 200 })).values()) hash.update(bytes);
    console.log(GlobalFonts.families.length, hash.digest('hex'));`;
  const run = (fonts: string): string[] => {
    const args = ['--import', 'tsx', '--input-type=module', '-e', program, fonts];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return stdout.trim().split(' ');
  };
  const [families, bare] = run('bare');
  assert.ok(Number(families) <= 2, `${families} families left`);
  assert.equal(bare, run('all')[1]);
});

test('the font has every character of the dashboard', () => {
  const { resolve } = createRequire(import.meta.url);
  const ranges = createRequire(import.meta.url)(resolve('@fontsource/inter/unicode.json'))
    .latin.split(',')
    .map((range: string) => {
      const [first, last = first] = range.slice(2).split('-');
      return [Number.parseInt(first!, 16), Number.parseInt(last!, 16)];
    });
  const known = (character: string): boolean =>
    ranges.some(([first, last]: [number, number]) => {
      const code = character.codePointAt(0)!;
      return code >= first && code <= last;
    });
  assert.ok(!known('\u03c3'));
  const texts = textsOf(drawSvg(dashboard(LIGHT, RUN, madeUpResults())));
  assert.ok(texts.length > 100);
  assert.deepEqual(
    [...texts.join('')].filter((character) => !known(character)),
    [],
  );
});

test('the dashboard shows the numbers, names all axes and marks the best epoch', () => {
  const results = madeUpResults();
  const texts = textsOf(drawSvg(dashboard(LIGHT, RUN, results)));
  for (const text of [
    RUN,
    results.evaluation.auc!.toFixed(3),
    results.evaluation.accuracy.toFixed(3),
    '12 of 22',
    '11,208',
    'epoch',
    'binary cross-entropy',
    'learning rate',
    'false positive rate',
    'true positive rate',
    'recall',
    'precision',
    'predicted (threshold 0.5)',
    'true class',
    'predicted probability of a signal',
    'share of class in bin [%]',
    'best: epoch 12',
    'threshold 0.5',
    'training',
    'validation',
    'guessing, AUC 0.5',
    'share of signals, 0.50',
  ]) {
    assert.ok(texts.includes(text), text);
  }
});

const EDGES: [string, MadeUp, string][] = [
  ['one epoch', { epochs: 1, records: 50 }, '1 of 1'],
  ['a hundred epochs', { epochs: 100, records: 50 }, '12 of 100'],
  ['noise only', { epochs: 2, records: 50, signals: 0 }, 'n/a'],
  ['signals only', { epochs: 2, records: 50, signals: 1 }, 'n/a'],
  ['a single record', { epochs: 2, records: 1 }, '1'],
];
for (const [name, made, text] of EDGES) {
  test(`results with ${name} can be drawn`, () => {
    const results = madeUpResults(made);
    assert.equal(renderPlots(RUN, results).size, 6);
    const texts = textsOf(drawSvg(dashboard(LIGHT, RUN, results)));
    assert.ok(texts.includes(text));
    assert.equal(texts.includes('records have only one class'), results.evaluation.auc === null);
    assert.ok(!texts.some((drawn) => /NaN|Infinity|undefined|null/.test(drawn)));
  });
}

test('a slow machine paints the whole figure as well', (t) => {
  const results = madeUpResults({ epochs: 2, records: 50 });
  const wanted = renderPlots(RUN, results);
  let time = 0;
  t.mock.method(Date, 'now', () => {
    time += 1000;
    return time;
  });
  for (const [name, png] of renderPlots(RUN, results)) assertSameBytes(png, wanted.get(name)!);
});

test('losses that are NaN leave a gap', () => {
  const results = madeUpResults({ epochs: 4, records: 50 });
  const epochs = results.history.epochs.map((epoch) => ({ ...epoch, loss: Number.NaN, best: false }));
  const texts = textsOf(drawSvg(dashboard(LIGHT, RUN, { ...results, history: { epochs } })));
  assert.ok(!texts.some((drawn) => /NaN/.test(drawn)));
});

test('bins count every record of their class once, and the last bin includes 1', () => {
  const { labels, probabilities } = madeUpEvaluation(1000);
  probabilities[0] = 1;
  labels[0] = 1;
  const evaluation = { ...madeUpEvaluation(1000), labels, probabilities };
  const [noise, signal] = [histogram(evaluation, 0), histogram(evaluation, 1)];
  assert.equal(noise.total + signal.total, 1000);
  const sum = (counts: Uint32Array): number => counts.reduce((total, count) => total + count, 0);
  assert.deepEqual([sum(noise.counts), sum(signal.counts)], [noise.total, signal.total]);
  assert.ok(signal.counts.at(-1)! >= 1);
});

test('a thinned curve keeps its ends and stays within a visible step of every dropped point', () => {
  const curve = Array.from({ length: 200_001 }, (_, i): [number, number] => [
    i / 200_000,
    Math.sqrt(i / 200_000),
  ]);
  const thinned = thin(curve);
  assert.ok(thinned.length < 1100, `${thinned.length}`);
  assert.deepEqual([thinned[0], thinned.at(-1)], [curve[0], curve.at(-1)]);
  let next = 0;
  for (const point of curve) {
    if (point === thinned[next]) next++;
    const [x, y] = thinned[next - 1]!;
    assert.ok(Math.max(Math.abs(point[0] - x), Math.abs(point[1] - y)) < 1 / 500);
  }
  assert.deepEqual(thin([]), []);
});

test('numbers on ticks are short', () => {
  assert.deepEqual([0, 1, 0.15, 100, 1e-4, 2.5e-5, 0.30000000000000004, -1.2e-20].map(shortNumber), [
    '0',
    '1',
    '0.15',
    '100',
    '1e-4',
    '2.5e-5',
    '0.3',
    '-1.2e-20',
  ]);
});
