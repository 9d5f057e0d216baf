import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { encodeWeights } from '../../src/inference/model-file.ts';
import { initialWeights } from '../../src/model/weights.ts';
import { chirpline, chirplineWell } from '../support/command.ts';
import { folderForTests } from '../support/fixtures.ts';

const { folder, remove } = folderForTests();
const raw = join(folder, 'raw');
const records = join(folder, 'records');
const weights = join(folder, 'one_weights.npz');
const truth = join(raw, 'truth.csv');
const out = join(folder, 'out');
after(remove);
before(async () => {
  chirplineWell('simulate', raw, '--samples', '40', '--seed', '3');
  chirplineWell('preprocess', raw, records);
  writeFileSync(weights, await encodeWeights(initialWeights('diy', 1)));
});

test('simulated samples are evaluated with the truth that simulate writes', () => {
  const given = ['evaluate', weights, records, out, '--truth', truth, '--device', 'cpu'];
  const printed = chirplineWell(...given);
  assert.ok(
    printed.split('\n').every((line) => line.length <= 80),
    printed,
  );
  const labels = readFileSync(join(raw, 'training_labels.csv'), 'utf8');
  const signals = labels.match(/,1$/gm)!.length;
  assert.match(printed, new RegExp(`^40 records: ${signals} signals, ${40 - signals} noise\n`));
  assert.match(printed, /^ {2}1e-2 +undefined: \d+ noise samples, needed 100$/m);
  assert.deepEqual(readdirSync(out).sort(), ['efficiency.png', 'evaluation.json', 'roc.png']);
  const { version, ...document } = JSON.parse(readFileSync(join(out, 'evaluation.json'), 'utf8'));
  const { efficiency, ...others } = document;
  assert.deepEqual([version, others.weights, others.truth], [1, [weights], truth]);
  const total = (bins: { found: { of: number }[] }[]) =>
    bins.reduce((sum, { found }) => sum + found[0]!.of, 0);
  assert.deepEqual([total(efficiency.snr), total(efficiency.tc)], [signals, signals]);
  assert.deepEqual(JSON.parse(chirplineWell(...given, '--json')), document);
});

test('arguments that make no sense are refused before the records are read', () => {
  const place = join(folder, 'none');
  for (const [given, message] of [
    [
      [weights],
      /^chirpline: found .*_weights\.npz, needed files \.\.\._weights\.npz, then RECORDS, then OUT or nothing\n$/,
    ],
    [[records, place], /needed files \.\.\._weights\.npz, then RECORDS/],
    [[weights, records, place, records], /needed files \.\.\._weights\.npz, then RECORDS/],
  ] as const) {
    const { status, stderr } = chirpline('evaluate', ...given);
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
  }
  const { status, stderr } = chirpline(
    'evaluate',
    weights,
    records,
    place,
    '--truth',
    join(raw, 'training_labels.csv'),
  );
  assert.equal(status, 1);
  assert.match(
    stderr,
    /training_labels\.csv: found the columns .*, needed a header line with the columns id, target, snr_net, and tc\n$/,
  );
  assert.ok(!existsSync(join(place, 'evaluation.json')));
});
