/** Schedules that once lost, doubled or wrongly rejected samples, move by move, without randomness. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MANIFEST_KEY } from '../../src/preprocess/state/record-keys.ts';
import { dieAt, dying, pausing, prepare, range, samples, settled } from './moves.ts';
import { COUNT } from './samples.ts';

const others = (without: number) => range(0, 10).filter((index) => index !== without);

for (const file of ['metadata.json', 'rejected.csv'])
  test(`R1: finalize is called twice, the first call sleeps before ${file} while an object is added`, async () => {
    const world = await prepare(range(0, 9), COUNT);
    const answer = await world.f.plan('x');
    await world.makePsd(answer);
    await world.makeShards(answer);
    const { paused, go, reached } = pausing(world.records, (call, key) => call === 'write' && key === file);
    const sleeper = world.functions(paused).finalize(answer, 'x');
    await reached;
    await world.f.finalize(answer, 'x');
    await world.put(9);
    assert.equal(await world.f.ingest(9), true);
    go();
    await sleeper;
    await world.check(range(0, 10), range(10, COUNT));
  });

for (const [where, dies] of [
  ['lists/shard-00001.json', true],
  ['lists/shard-00001.json', false],
  ['samples.bin', false],
  ['plan.json', false],
] as const)
  test(`R2: plan is called twice, an object arrives between the listings, the first call sleeps before ${where}${dies ? ' and then dies' : ''}`, async () => {
    const world = await prepare(others(4), 10);
    world.running.add('x');
    const { paused, go, reached } = pausing(
      world.records,
      (call, key) => call === 'write' && key.endsWith(where),
    );
    const over = dies ? dying(paused, (key) => key.endsWith('samples.bin')) : paused;
    const sleeper = world
      .functions(over)
      .plan('x')
      .catch(() => {});
    await reached;
    await world.put(4);
    const answer = await world.f.plan('x');
    const done = await world.f.ingest(4);
    await world.makePsd(answer);
    const [first, ...rest] = await world.list(answer.shards);
    await world.f.shard(answer.id, first!);
    go();
    await (dies ? settled() : sleeper);
    for (const index of rest) await world.f.shard(answer.id, index);
    await world.f.finalize(answer, 'x');
    if (!done) assert.equal(await world.f.ingest(4), true);
    await world.check(range(0, 10));
  });

test('R2c: a run is cancelled during its plan function, an object is uploaded, another run starts', async () => {
  const world = await prepare(others(4), 10);
  world.running.add('x');
  const { paused, go, reached } = pausing(
    world.records,
    (call, key) => call === 'write' && key.endsWith('lists/shard-00001.json'),
  );
  const sleeper = world
    .functions(paused)
    .plan('x')
    .catch(() => {});
  await reached;
  world.running.delete('x');
  await world.put(4);
  world.running.add('y');
  const answer = await world.f.plan('y');
  await world.makePsd(answer);
  go();
  await sleeper;
  await world.makeShards(answer);
  await world.f.finalize(answer, 'y');
  await world.check(range(0, 10));
});

for (const rows of [COUNT, 9])
  test(`R3: an object arrives after the plan${rows === 9 ? ', and its label too' : ''}, the run fails and is redriven`, async () => {
    const world = await prepare(range(0, 9), rows);
    await world.f.plan('x');
    await world.put(9);
    if (rows === 9) await world.putLabels(10);
    assert.equal(await world.f.ingest(9), false);
    await world.run('y');
    assert.equal(await world.f.ingest(9), true);
    await world.check(range(0, 10), rows === 9 ? [] : range(10, COUNT));
  });

test('R3: a stray .npz beside the samples of a failed run gives one row, and no conflict', async () => {
  const world = await prepare(range(0, 9), 9);
  await world.f.plan('x');
  await world.raw.write('notes/extra.npz', new Uint8Array(10));
  await world.run('y');
  assert.deepEqual(
    (await world.rejected()).map(({ id, file }) => [id, file]),
    [['', 'notes/extra.npz']],
  );
});

test('R3b: the answer of plan is lost, and an object arrives before plan is called again', async () => {
  const world = await prepare(range(0, 9), COUNT);
  world.running.add('x');
  await world.f.plan('x');
  await world.put(9);
  await world.run('x');
  await world.check(range(0, 10), range(10, COUNT));
});

for (const when of ['before its shard', 'after its shard'])
  test(`R4: a broken sample arrives again fixed during the run, ${when}`, async () => {
    const world = await prepare(range(0, 9), 9);
    await world.put(2, samples.bytes[2]!.subarray(0, 5000));
    const answer = await world.f.plan('x');
    await world.makePsd(answer);
    if (when === 'after its shard') await world.makeShards(answer);
    await world.put(2);
    const done = await world.f.ingest(2);
    if (when === 'before its shard') await world.makeShards(answer);
    const { again } = await world.f.finalize(answer, 'x');
    if (again) await world.run('x');
    if (!done) assert.equal(await world.f.ingest(2), true);
    await world.check(range(0, 9));
  });

test('R4: a sample is overwritten with a broken one and restored during the run', async () => {
  const world = await prepare(range(0, 9), 9);
  const answer = await world.f.plan('x');
  await world.makePsd(answer);
  await world.put(2, samples.bytes[2]!.subarray(0, 5000));
  await world.makeShards(answer);
  await world.put(2);
  await world.f.ingest(2);
  assert.equal((await world.f.finalize(answer, 'x')).again, true);
  await world.run('x');
  await world.check(range(0, 9));
});

test('R5: an object without a label is added by the run of labels that have its id', async () => {
  const world = await prepare(range(0, 10), 9);
  await world.run('x');
  await world.check(range(0, 9), [9]);
  await world.putLabels(10);
  await world.run('y');
  await world.check(range(0, 10));
});

test('R6: reduce is called twice with sums that differ: all shards have the PSD of the first', async () => {
  const world = await prepare(range(0, 9), 9);
  const answer = await world.f.plan('x');
  for (const index of await world.list(answer.psdChunks)) await world.f.psd(answer.id, index);
  const sums = `_work/${answer.id}/psd/00000.npy`;
  const own = await world.records.read(sums);
  await world.records.write(
    sums,
    own.map((byte, at) => (at === 900 ? byte ^ 1 : byte)),
  );
  const { paused, go, reached } = pausing(
    world.records,
    (call, key) => call === 'write' && key.endsWith('avg_psd.npz'),
  );
  const sleeper = world.functions(paused).reduce(answer.id);
  await reached;
  await world.records.write(sums, own);
  await world.f.reduce(answer.id);
  const [first, ...rest] = await world.list(answer.shards);
  await world.f.shard(answer.id, first!);
  go();
  await sleeper;
  for (const index of rest) await world.f.shard(answer.id, index);
  await world.f.finalize(answer, 'x');
  await world.check(range(0, 9));
});

/** A dataset with nine samples whose plan call died when it wrote plan.json; the other samples have arrived since. */
async function prepareDeadPlan() {
  const world = await prepare(range(0, 9), COUNT);
  world.running.add('x');
  const isLast = (key: string) => key.endsWith('plan.json');
  await dieAt(world.records, isLast, (store) => world.functions(store).plan('x'));
  for (const index of range(9, COUNT)) await world.put(index);
  return world;
}

test('R8: a plan call dies late, the missing objects arrive, and the event of one is handled while the run ends', async () => {
  const world = await prepareDeadPlan();
  const answer = await world.f.plan('x');
  const { paused, go, reached } = pausing(
    world.records,
    (call, key) => call === 'read' && key === MANIFEST_KEY,
  );
  const event = world.functions(paused).ingest(9);
  await reached;
  await world.makePsd(answer);
  await world.makeShards(answer);
  await world.f.finalize(answer, 'x');
  go();
  assert.equal(await event, true);
  await world.check(range(0, COUNT));
});

test('R9: files of a dead plan call have no effect', async () => {
  const world = await prepareDeadPlan();
  const { id } = await world.f.plan('x');
  assert.equal(await world.f.ingest(9), true);
  for await (const { key } of world.records.list('_work/')) {
    assert.ok(key === MANIFEST_KEY || key.startsWith(`_work/${id}/`), key);
  }
});

test('R10: a shard function dies before it stores its result, and an object of its shard is overwritten', async () => {
  const world = await prepare(range(0, 9), 9);
  const answer = await world.f.plan('x');
  await world.makePsd(answer);
  const isResult = (key: string) => key.includes('/shards/');
  await dieAt(world.records, isResult, (store) => world.functions(store).shard(answer.id, 0));
  assert.ok(await world.records.head('train-00000-of-00003.tfrecord'));
  await world.put(1, samples.second[1]!);
  await world.makeShards(answer);
  assert.equal((await world.f.finalize(answer, 'x')).again, false);
  await world.check(range(0, 9));
});

for (const when of ['before', 'after'])
  test(`R11: a run is cancelled during a shard function, the records are removed, and the function writes ${when} the new run does`, async () => {
    const world = await prepare(others(4), 10);
    const old = await world.f.plan('x');
    await world.makePsd(old);
    const { paused, go, reached } = pausing(
      world.records,
      (call, key) => call === 'write' && key.startsWith('train-00001'),
    );
    const sleeper = world
      .functions(paused)
      .shard(old.id, 1)
      .catch(() => {});
    await reached;
    for await (const { key } of world.records.list('')) await world.records.remove(key);
    await world.put(4);
    const answer = await world.f.plan('y');
    await world.makePsd(answer);
    if (when === 'before') {
      go();
      await sleeper;
    }
    await world.makeShards(answer);
    go();
    await sleeper;
    await world.f.finalize(answer, 'y');
    await world.check(range(0, 10));
  });
