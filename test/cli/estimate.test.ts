import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Estimate } from '../../src/cloud/estimate/run-estimate.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import { chirpline, chirplineWell } from '../support/command.ts';
import { writeDataset } from '../support/dataset.ts';

const folder = mkdtempSync(join(tmpdir(), 'estimate-'));
after(() => rmSync(folder, { recursive: true }));

interface Answer {
  workload: { samples: number; rate: number };
  prices: { date: string };
  estimates: Estimate[];
}

const estimate = (...args: string[]) => JSON.parse(chirplineWell('estimate', ...args, '--json')) as Answer;

test('an estimate shows both layouts side by side and names the remedy', () => {
  const shown = chirplineWell('estimate', '--samples', '560000', '--rate', '14000');
  assert.match(shown, /packed +unpacked/);
  assert.match(shown, /547 objects, 8205 PUTs +560000 objects, 560000 PUTs/);
  assert.match(shown, /Remedy: chirpline upload --pack 1024/);
  assert.match(shown, /cost +\$\d+\.\d\d - \d+\.\d\d/);
});

test('docs/costs.md shows what an estimate prints', () => {
  const docs = readFileSync('docs/costs.md', 'utf8');
  const [, words = '', shown] = /```\n\$ chirpline (estimate .*)\n([^`]*)```/.exec(docs) ?? [];
  assert.equal(shown, chirplineWell(...words.split(' ')));
});

test('an estimate names the setting that makes functions wait', () => {
  const args = ['estimate', '--samples', '560000', '--rate', '14000', '--unpacked'];
  assert.doesNotMatch(chirplineWell(...args), /only wait/);
  assert.match(
    chirplineWell(...args, '--file-concurrency', '100'),
    /Functions beyond \d\d only wait.*fileConcurrency/,
  );
});

test('an estimate can be for one layout, with other prices and without training', () => {
  const file = join(folder, 'prices.json');
  writeFileSync(file, '{"date": "2030-01"}');
  const { estimates, prices } = estimate(
    ...['--samples', '1000', '--rate', '1e4', '--packed', '--epochs', '0', '--prices', file],
  );
  assert.deepEqual(
    estimates.map(({ packed, training }) => [packed, training]),
    [[true, undefined]],
  );
  assert.equal(prices.date, '2030-01');
});

test('samples are counted and the rate is measured; a packed upload gives the same count', async () => {
  const raw = join(folder, 'raw');
  await writeDataset(createFileStore(raw), 5);
  const counted = estimate(raw);
  assert.equal(counted.workload.samples, 5);
  assert.ok(counted.workload.rate > 100);
  const packs = join(folder, 'packs');
  const uploaded = JSON.parse(chirplineWell('upload', raw, packs, '--pack', '2', '--json'));
  assert.deepEqual([uploaded.uploaded, uploaded.objects], [5, 3]);
  assert.match(
    chirplineWell('upload', raw, packs, '--pack', '2'),
    /^0 files .* 5 identical files skipped\.$/m,
  );
  assert.equal(estimate(packs, '--rate', '1e4').workload.samples, 5);
});

test('contradictory and invalid arguments are refused', () => {
  for (const args of [
    ['estimate'],
    ['estimate', folder, '--samples', '5'],
    ['estimate', join(folder, 'nothing')],
    ['estimate', '--samples', '5', '--training-rate', 'fast'],
    ['upload', folder, join(folder, 'to'), '--dataset', 'set'],
    ['upload', folder, '--pack', '0'],
  ]) {
    const { status, stderr } = chirpline(...args);
    assert.equal(status, 2, `${args.join(' ')}: ${stderr}`);
  }
  assert.equal(chirpline('estimate', '--samples', '5', '--prices', join(folder, 'none.json')).status, 1);
});
