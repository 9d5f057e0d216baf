import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ChirplineError } from '../../src/core/errors.ts';
import { fixture, scratch } from '../support/fixtures.ts';
import * as broken from './broken.ts';
import { makeCase } from './case.ts';
import { describeReports, fuzz } from './runner.ts';
import { findTarget, TARGETS } from './targets.ts';

const SEED = 1;

test('every parser accepts or refuses every changed file', async () => {
  const names = TARGETS.map(({ name }) => name);
  const reports = await fuzz({ names, seed: SEED, seconds: 20, count: 150 });
  const described = await describeReports(reports, TARGETS, SEED);
  assert.deepEqual(
    reports.flatMap(({ failures }) => failures),
    [],
    described,
  );
  for (const { name, inputs } of reports) assert.ok(inputs > 0, `${name}: no input was run`);
  assert.deepEqual(
    reports.map(({ name }) => name),
    names,
  );
});

test('files that once made a parser fail are refused', async () => {
  const corpus = fixture('fuzz');
  for (const name of readdirSync(corpus)) {
    const target = findTarget(name);
    const [seed] = await target.seeds();
    for (const file of readdirSync(join(corpus, name))) {
      const bytes = readFileSync(join(corpus, name, file));
      await assert.rejects(target.run(new Uint8Array(bytes), seed!), ChirplineError, `${name}/${file}`);
    }
  }
});

test('every fault of a parser is found and reported, its input is kept, and the other parsers still run', async (t) => {
  const names = broken.TARGETS.map(({ name }) => name);
  const module = new URL('./broken.ts', import.meta.url).href;
  const reports = await fuzz({ names, seed: SEED, seconds: 2, module, hung: 4_000 });
  const expected: [string, RegExp | undefined][] = [
    ['sound', undefined],
    ['throws', /TypeError: a bug\n.*broken\.ts/],
    ['hangs', /no result after 4 s/],
    ['waits', /awaits a promise that never settles/],
    // On a busy machine the wall-clock limit may end it first.
    ['is slow', /took [2-9]\.\d s|no result after 4 s/],
    ['grows', /the process grew by 1\d\d MiB/],
    ['rejects', /an unhandled rejection/],
    ['accepts', /RangeError: \d+ bytes, not 10/],
  ];
  assert.deepEqual(
    reports.map(({ name }) => name),
    expected.map(([name]) => name),
  );
  for (const [i, [name, pattern]] of expected.entries()) {
    const { failures } = reports[i]!;
    assert.equal(failures.length, pattern === undefined ? 0 : 1, name);
    if (pattern !== undefined) assert.match(failures[0]!.message, pattern);
  }
  const described = await describeReports(reports.slice(1, 2), broken.TARGETS, SEED, scratch(t));
  const { index } = reports[1]!.failures[0]!;
  assert.match(described, new RegExp(`npm run fuzz -- --only throws --seed 1 --case ${index}\n`));
  const kept = /input: (\S+);/.exec(described)![1]!;
  const { bytes } = await makeCase(broken.TARGETS[1]!, SEED, index);
  assert.deepEqual(new Uint8Array(readFileSync(kept)), bytes);
});
