import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  INDEX_LIMIT,
  labelColumns,
  labelRow,
  sampleId,
  sampleKey,
  truthColumns,
  truthRow,
} from '../../src/simulate/layout.ts';
import type { SimulatedSample } from '../../src/simulate/simulated-sample.ts';

test('100,000 indices have 100,000 ids of 10 hexadecimal digits', () => {
  const ids = new Set<string>();
  for (let index = 0; index < 100_000; index++) ids.add(sampleId(3, index));
  assert.equal(ids.size, 100_000);
  assert.ok([...ids].every((id) => /^[0-9a-f]{10}$/.test(id)));
});

test('ids spread over all folders, depend on the seed, and exist up to the last index', () => {
  const folders = new Set(Array.from({ length: 20_000 }, (_, index) => sampleId(3, index).slice(0, 3)));
  assert.ok(folders.size > 4000, `${folders.size} of 4096`);
  assert.notEqual(sampleId(3, 0), sampleId(4, 0));
  assert.notEqual(sampleId(3, 0), sampleId(3 + 2 ** 32, 0));
  const last = [INDEX_LIMIT - 2, INDEX_LIMIT - 1].map((index) => sampleId(3, index));
  assert.ok(last[0] !== last[1] && last.every((id) => /^[0-9a-f]{10}$/.test(id)));
});

test('a sample has its key in the layout of the competition', () => {
  assert.equal(sampleKey('0a1b2c3d4e'), 'train/0/a/1/0a1b2c3d4e.npy');
});

const noise: SimulatedSample = { id: '0000000001', target: 0 };
const signal: SimulatedSample = {
  id: '00000000ff',
  target: 1,
  injection: {
    source: {
      ...{ m1: 36.5, m2: 29, chi1: 0.1, chi2: -0.2, inclination: 0.3, phase: 0.4 },
      ...{ ra: 1, dec: -1, psi: 2, gmst: 3, tc: 1.5 },
    },
    distance: 410,
    snr: [13, 18, 4],
    networkSnr: 22.56,
  },
};

test('rows of the labels and of the truth table have the columns of their headers', () => {
  assert.deepEqual(labelColumns, ['id', 'target']);
  assert.deepEqual(labelRow(signal), ['00000000ff', '1']);
  assert.deepEqual(Object.fromEntries(truthRow(signal).map((value, i) => [truthColumns[i], value])), {
    id: '00000000ff',
    target: '1',
    ...{ m1: '36.5', m2: '29', chi1z: '0.1', chi2z: '-0.2', inclination: '0.3', phase: '0.4' },
    ...{ distance_mpc: '410', snr_H1: '13', snr_L1: '18', snr_V1: '4', snr_net: '22.56' },
    ...{ ra: '1', dec: '-1', psi: '2', gmst: '3', tc: '1.5' },
  });
  assert.deepEqual(truthRow(noise), ['0000000001', '0', ...truthColumns.slice(2).map(() => '')]);
});
