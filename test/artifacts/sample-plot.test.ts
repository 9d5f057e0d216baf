import assert from 'node:assert/strict';
import test from 'node:test';
import { correlatePairs } from '../../src/artifacts/charts/correlation.ts';
import { drawPng, drawSvg, framed } from '../../src/artifacts/charts/figure.ts';
import { plotSample, type SamplePlot, sampleFigure } from '../../src/artifacts/charts/sample-plot.ts';
import { LIGHT } from '../../src/artifacts/charts/theme.ts';
import { timeFrequencyChart } from '../../src/artifacts/charts/time-frequency-chart.ts';
import { SAMPLE_SIZE } from '../../src/core/strain.ts';
import { timeFrequencyMaps } from '../../src/inspect/time-frequency.ts';
import { normal } from './made-up.ts';
import { countColor, decodePng } from './pixels.ts';

function sample(id = '00000e74ad', scale = 3e-21): SamplePlot {
  const next = normal(8);
  const normalized = Float32Array.from({ length: SAMPLE_SIZE }, () => next());
  const scaled = (factor: number) => Float64Array.from(normalized, (value) => factor * value);
  return {
    id,
    stages: [
      { name: 'raw', quantity: 'strain', values: scaled(scale) },
      { name: 'band-passed', quantity: 'strain', values: scaled(scale / 10) },
      { name: 'whitened', quantity: 'whitened strain', values: scaled(21) },
      { name: 'normalized', quantity: 'standard deviations', values: normalized },
    ],
    maps: timeFrequencyMaps(normalized),
    correlations: correlatePairs(normalized),
  };
}

test('a sample is drawn at every stage in three colours, and the lags within light travel time are shaded', async () => {
  const picture = await decodePng(plotSample(sample()));
  assert.deepEqual([picture.width, picture.height], [3240, 2912]);
  for (const color of [LIGHT.orange, LIGHT.blue, LIGHT.purple, LIGHT.text]) {
    assert.ok(countColor(picture, color) > 2000, color);
  }
});

test('the axes of a sample plot have names and units', () => {
  const svg = drawSvg(sampleFigure(LIGHT, sample()));
  for (const text of [
    'Sample 00000e74ad',
    'H1, raw',
    'L1, band-passed',
    'V1, whitened',
    'V1, normalized',
    'strain [1e-20]',
    'strain [1e-21]',
    'whitened strain',
    'standard deviations',
    'time [s]',
    'H1, constant-Q transform',
    'frequency [Hz]',
    'normalized energy 0',
    '25 and more',
    'lag [ms]',
    'correlation',
    'H1-L1, cross-correlation',
    'within light travel time, ±10 ms',
    'within light travel time, ±27 ms',
    'within light travel time, ±26 ms',
  ]) {
    assert.ok(svg.includes(`>${text}</text>`), text);
  }
});

test('a time-frequency map fills its axes, and loud energies all have the brightest colour', async () => {
  const [width, height] = [540, 310];
  const painted = async (energy: number, color: string): Promise<number> => {
    const energies = Array.from({ length: 96 }, () => new Float64Array(1024).fill(energy));
    const map = { duration: 2, from: 20, to: 500, energies };
    const png = drawPng(framed(LIGHT, timeFrequencyChart(LIGHT, 'H1', map), width + 16, height + 16));
    return countColor(await decodePng(png), color) / (4 * (width - 90) * (height - 38 - 48));
  };
  for (const [energy, color] of [
    [0, '#440154'],
    [25, '#fde725'],
    [1e9, '#fde725'],
  ] as const) {
    const share = await painted(energy, color);
    assert.ok(share > 0.98 && share < 1.02, `${energy}: ${share}`);
  }
  assert.ok((await painted(12, '#fde725')) < 0.01);
});

test('the highest frequency of a time-frequency map is on top, and its time goes to the right', async () => {
  const energies = Array.from({ length: 96 }, () => new Float64Array(1024));
  for (const row of energies.slice(48)) row.fill(25, 512);
  const chart = timeFrequencyChart(LIGHT, '', { duration: 2, from: 20, to: 500, energies });
  const { data, width } = await decodePng(drawPng(framed(LIGHT, chart, 556, 326)));
  const at = (x: number, y: number) => [...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 3)];
  // Two pixels per point; the axes begin at (8 + 70, 8 + 38).
  const [top, bottom] = [2 * (46 + 20), 2 * (326 - 8 - 48 - 20)];
  assert.deepEqual(at(2 * (78 + 400), top), [0xfd, 0xe7, 0x25]);
  assert.deepEqual(at(2 * (78 + 100), top), [0x44, 0x01, 0x54]);
  assert.deepEqual(at(2 * (78 + 400), bottom), [0x44, 0x01, 0x54]);
});

test('a sample of zeros and a sample of NaN can be drawn', () => {
  for (const factor of [0, Number.NaN]) {
    const svg = drawSvg(sampleFigure(LIGHT, sample('x', factor)));
    assert.ok(!/NaN|Infinity/.test(svg.replaceAll(/data:image[^"]*/g, '')));
  }
});

test('an id with markup is drawn as text, and a long id is cut', () => {
  const svg = drawSvg(sampleFigure(LIGHT, sample(`<script>${'x'.repeat(500)}`)));
  assert.ok(!svg.includes('<script>'));
  assert.ok(svg.includes('&lt;script&gt;'));
  assert.ok(!svg.includes('x'.repeat(101)));
});

test('a stage of another shape is refused', () => {
  const stages = [{ name: 'whitened', quantity: 'x', values: new Float64Array(4096) }];
  assert.throws(() => plotSample({ ...sample(), stages }), /whitened strain of 4096/);
});
