import assert from 'node:assert/strict';
import test from 'node:test';
import { correlatePairs } from '../../src/artifacts/charts/correlation.ts';
import { drawSvg } from '../../src/artifacts/charts/figure.ts';
import { plotSample, type SampleStages, sampleFigure } from '../../src/artifacts/charts/sample-plot.ts';
import { LIGHT } from '../../src/artifacts/charts/theme.ts';
import { SAMPLE_SIZE } from '../../src/core/strain.ts';
import { normal } from './made-up.ts';
import { countColor, decodePng } from './pixels.ts';

function sample(id = '00000e74ad', scale = 3e-21): SampleStages {
  const next = normal(8);
  const normalized = Float32Array.from({ length: SAMPLE_SIZE }, () => next());
  const scaled = (factor: number) => Float64Array.from(normalized, (value) => factor * value);
  return {
    id,
    raw: scaled(scale),
    bandpassed: scaled(scale / 10),
    whitened: scaled(21),
    normalized,
    correlations: correlatePairs(normalized),
  };
}

test('a sample is drawn at every stage in three colours, and the lags within light travel time are shaded', async () => {
  const picture = await decodePng(plotSample(sample()));
  assert.deepEqual([picture.width, picture.height], [3240, 2292]);
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

test('a sample of zeros and a sample of NaN can be drawn', () => {
  for (const factor of [0, Number.NaN]) {
    const svg = drawSvg(sampleFigure(LIGHT, sample('x', factor)));
    assert.ok(!/NaN|Infinity/.test(svg));
  }
});

test('an id with markup is drawn as text, and a long id is cut', () => {
  const svg = drawSvg(sampleFigure(LIGHT, sample(`<script>${'x'.repeat(500)}`)));
  assert.ok(!svg.includes('<script>'));
  assert.ok(svg.includes('&lt;script&gt;'));
  assert.ok(!svg.includes('x'.repeat(101)));
});

test('a stage of another shape is refused', () => {
  assert.throws(
    () => plotSample({ ...sample(), whitened: new Float64Array(4096) }),
    /whitened strain of 4096/,
  );
});
