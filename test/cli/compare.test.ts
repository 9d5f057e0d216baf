import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { serializeConfig } from '../../src/artifacts/config.ts';
import { serializeHistory } from '../../src/artifacts/metrics-file.ts';
import { madeUpConfig, madeUpEpochs } from '../artifacts/made-up.ts';
import { chirpline, chirplineWell } from '../support/command.ts';
import { scratch } from '../support/fixtures.ts';

/** Two trainings in folders of their own, which differ by their seed. */
function twoModels(folder: string): [string, string] {
  for (const [name, seed] of [
    ['a', 1],
    ['b', 2],
  ] as const) {
    const start = join(folder, name, 'saved', 'diy_20260102_0304');
    mkdirSync(join(folder, name, 'saved'), { recursive: true });
    writeFileSync(`${start}_config.json`, serializeConfig({ ...madeUpConfig(), seed }));
    writeFileSync(`${start}_history.json`, serializeHistory({ epochs: madeUpEpochs(3) }));
    writeFileSync(`${start}_metrics.json`, '{}');
    writeFileSync(
      `${start}_predictions.csv`,
      'id,target,prediction,fold\nx,1,0.9,0\ny,0,0.2,0\nz,1,0.1,0\nw,0,0.3,0\n',
    );
  }
  return [join(folder, 'a'), join(folder, 'b')];
}

test('compare prints a table or JSON, and writes a page', (t) => {
  const folder = scratch(t);
  const models = twoModels(folder);
  assert.match(chirplineWell('compare', ...models), /^seed +1 +2$/m);
  const out = join(folder, 'page.html');
  const result = JSON.parse(chirplineWell('compare', ...models, '--out', out, '--json'));
  assert.deepEqual(result.differences, [{ name: 'seed', values: [1, 2] }]);
  assert.deepEqual(
    result.trainings.map(({ auc }: { auc: number }) => auc),
    [0.5, 0.5],
  );
  assert.match(readFileSync(out, 'utf8'), /<h1>Comparison of 2 trainings<\/h1>/);
});

test('compare says what is no training, and then writes no page', (t) => {
  const folder = scratch(t);
  const [model] = twoModels(folder);
  const out = join(folder, 'page.html');
  const wrong = chirpline('compare', model, folder, '--out', out);
  assert.equal(wrong.status, 1);
  assert.match(wrong.stderr, /^chirpline: .*found no \.\.\._metrics\.json/);
  const alone = chirpline('compare', model, '--out', out);
  assert.deepEqual([alone.status, /found one training/.test(alone.stderr)], [2, true]);
  assert.ok(!readdirSync(folder).includes('page.html'));
});
