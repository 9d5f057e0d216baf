/** Events after a first run, move by move: removed and fixed objects, ids in two objects, companions, labels, deleted records. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPsd } from '../../src/preprocess/average-psd.ts';
import { packTar } from '../support/tar.ts';
import { pausing, prepare, range, samples, text } from './moves.ts';
import { COUNT, labelsOf, stackOf } from './samples.ts';

const broken = (index: number) => samples.bytes[index]!.subarray(0, 5000);
const without = (from: number, to: number, ...left: number[]) =>
  range(from, to).filter((index) => !left.includes(index));

for (const late of [false, true])
  test(`a sample without a record keeps its row, run after run, when ${late ? 'its object no longer has it' : 'its object is removed for good'}`, async () => {
    const world = await prepare(without(0, 9, 2), 9);
    if (late) {
      await world.raw.write('a.tar', packTar([{ name: `${samples.ids[2]}.npy`, content: broken(2) }]));
      await world.run('x');
      await world.raw.write('a.tar', packTar([{ name: '.note', content: new Uint8Array(3) }]));
      assert.equal(await world.f.ingest('a.tar'), true);
      await world.check(without(0, 9, 2), [2]);
    } else {
      await world.put(2, broken(2));
      await world.run('x');
      await world.raw.remove(samples.keys[2]!);
    }
    for (const run of ['y', 'z', 'u']) {
      await world.run(run);
      await world.check(without(0, 9, 2), [2]);
    }
    await world.put(2);
    assert.equal(await world.f.ingest(2), true);
    await world.check(range(0, 9));
    await world.run('v');
    await world.check(range(0, 9));
  });

test('a sample that arrives in another object than its broken one has one record, even with another label', async () => {
  const world = await prepare(range(0, 9), 9);
  await world.put(2, broken(2));
  await world.run('x');
  await world.raw.remove(samples.keys[2]!);
  await world.raw.write(`other/${samples.ids[2]}.npy`, samples.bytes[2]!);
  const labels = text(labelsOf(samples, 9)).replace(
    `${samples.ids[2]},${samples.targets[2]}`,
    `${samples.ids[2]},${1 - samples.targets[2]!}`,
  );
  await world.raw.write('training_labels.csv', new TextEncoder().encode(labels));
  await world.run('y');
  await world.check(range(0, 9));
  assert.equal(await world.f.ingest(`other/${samples.ids[2]}.npy`), true);
  await world.run('z');
  await world.check(range(0, 9));
});

test('two objects with one id: each has a row, whichever event is delivered again, until only one object is left', async () => {
  const world = await prepare(range(0, 9), 9);
  await world.raw.write(`other/${samples.ids[2]}.npy`, samples.bytes[2]!);
  await world.run('x');
  const two = async () => {
    await world.check(without(0, 9, 2), [2, 2]);
    assert.deepEqual(
      (await world.rejected()).map(({ file }) => file).sort(),
      [`other/${samples.ids[2]}.npy`, samples.keys[2]].sort(),
    );
  };
  await two();
  for (const object of [2, `other/${samples.ids[2]}.npy`]) assert.equal(await world.f.ingest(object), true);
  await two();
  await world.raw.write(`third/${samples.ids[2]}.npy`, samples.bytes[2]!);
  assert.equal(await world.f.ingest(`third/${samples.ids[2]}.npy`), true);
  await world.check(without(0, 9, 2), [2, 2, 2]);
  for (const folder of ['other', 'third']) await world.raw.remove(`${folder}/${samples.ids[2]}.npy`);
  await world.run('y');
  await world.check(range(0, 9));
});

test('rows of bad labels stay when an object without an id arrives', async () => {
  const world = await prepare(range(0, 9), 9);
  await world.raw.write('training_labels.csv', Buffer.concat([labelsOf(samples, 9), Buffer.from('!,1\n')]));
  await world.run('x');
  assert.equal((await world.rejected()).length, 1);
  await world.raw.write('stray.npz', new Uint8Array(10));
  assert.equal(await world.f.ingest('stray.npz'), true);
  assert.deepEqual(
    (await world.rejected()).map(({ file }) => file),
    ['training_labels.csv', 'stray.npz'],
  );
});

test('one execution plans three times: the second call fails and releases the lease, an object arrives, the first call ends late', async () => {
  for (const rows of ['first run', 'later run']) {
    const world = await prepare(range(0, 9), 10);
    if (rows === 'later run') {
      await world.run('w');
      await world.put(10);
      await world.putLabels(11);
    }
    world.running.add('x');
    const { paused, go, reached } = pausing(
      world.records,
      (call, key) => call === 'write' && key.endsWith('plan.json'),
    );
    if (rows === 'later run') await world.put(9);
    const first = world
      .functions(paused)
      .plan('x')
      .catch((error: Error) => error);
    await reached;
    const labels = await world.raw.read('training_labels.csv');
    await world.raw.remove('training_labels.csv');
    await assert.rejects(world.f.plan('x'), /no such file/);
    await world.raw.write('training_labels.csv', labels);
    if (rows === 'first run') await world.put(9);
    const done = await world.f.ingest(9);
    const waiting = pausing(world.records, (call, key) => call === 'write' && key.endsWith('manifest.json'));
    let writes = 0;
    const third = world
      .functions({
        ...world.records,
        // Takes the lease, and waits before it notes its planning.
        write: async (key, bytes, options) => {
          if (key.endsWith('manifest.json') && ++writes === 2)
            return waiting.paused.write(key, bytes, options);
          return world.records.write(key, bytes, options);
        },
      })
      .plan('x')
      .catch((error: Error) => error);
    await waiting.reached;
    go();
    await first;
    waiting.go();
    await third;
    await world.run('x');
    if (!done) assert.equal(await world.f.ingest(9), true);
    await world.run('y');
    await world.check(range(0, rows === 'first run' ? 10 : 11));
  }
});

for (const file of ['avg_psd.npz', 'metadata.json'])
  test(`finalize sleeps before ${file} while the records are removed and made again from other samples`, async () => {
    const world = await prepare(range(0, 9), 9);
    const answer = await world.f.plan('x');
    await world.makePsd(answer);
    await world.makeShards(answer);
    for (const again of ['before', 'after']) {
      const { paused, go, reached } = pausing(world.records, (call, key) => call === 'write' && key === file);
      const old = again === 'before' ? answer : await world.f.plan('y');
      if (again === 'after') {
        await world.makePsd(old);
        await world.makeShards(old);
      }
      const sleeper = world
        .functions(paused)
        .finalize(old, 'x')
        .catch(() => {});
      await reached;
      for await (const { key } of world.records.list('')) await world.records.remove(key);
      for (const index of range(0, 9))
        await world.put(index, (again === 'before' ? samples.second : samples.bytes)[index]!);
      if (again === 'before') {
        go();
        await sleeper;
      }
      const next = await world.f.plan('z');
      await world.makePsd(next);
      await world.makeShards(next);
      await world.f.finalize(next, 'z');
      go();
      await sleeper;
      await world.check(range(0, 9));
      assert.equal((await readPsd(world.records, 'avg_psd.npz')).sha256, (await world.metadata()).psd_sha256);
      for await (const { key } of world.records.list('')) await world.records.remove(key);
    }
  });

test('a shard of a plan under way is removed by hand: a run makes it again', async () => {
  const world = await prepare(range(0, 9), 9);
  const answer = await world.f.plan('x');
  await world.makePsd(answer);
  await world.makeShards(answer);
  await world.records.remove('train-00001-of-00003.tfrecord');
  await world.run('y');
  await world.check(range(0, 9));
});

test('a shard of finished records is removed by hand: a run reports it, and makes missing public files', async () => {
  const world = await prepare(range(0, 9), 9);
  await world.run('x');
  for (const key of ['metadata.json', 'rejected.csv', 'avg_psd.npz']) {
    await world.records.remove(key);
    await world.run('y');
    await world.check(range(0, 9));
    assert.equal((await readPsd(world.records, 'avg_psd.npz')).sha256, (await world.metadata()).psd_sha256);
  }
  await world.records.remove('train-00001-of-00003.tfrecord');
  await assert.rejects(world.run('z'), /train-00001-of-00003.tfrecord: found no such file/);
});

test('all noise samples were broken and arrive again fixed: a run makes the records', async () => {
  const world = await prepare(range(0, 9), 9);
  const noise = range(0, 9).filter((index) => samples.targets[index] === 0);
  for (const index of noise) await world.put(index, broken(index));
  await assert.rejects(world.run('x'), /no readable sample among the noise/);
  for (const index of noise) await world.put(index);
  await world.run('y');
  await world.check(range(0, 9));
});

test('too many inputs were rejected, and the missing ones arrive: a run makes the records', async () => {
  const world = await prepare([0, 1, 2, 3], 6);
  await world.put(3, broken(3));
  const tight = world.functions(world.records, 0.4);
  const answer = await tight.plan('x');
  await world.makePsd(answer);
  await world.makeShards(answer);
  await assert.rejects(tight.finalize(answer, 'x'), /3 of 6 inputs were rejected/);
  for (const index of [4, 5]) await world.put(index);
  await world.run('y', tight);
  await world.check(without(0, 6, 3), [3]);
});

test('a companion that arrives after its stack was listed names the samples of the stack', async () => {
  for (const when of ['before the run', 'after the run'])
    for (const shape of ['tar', 'npy'] as const) {
      const world = await prepare(range(0, 9), 11);
      const stack = stackOf(samples, [9, 10]);
      const put = () =>
        world.raw.write(
          shape === 'npy' ? 's.npy' : 's.tar',
          shape === 'npy' ? stack : packTar([{ name: 'x.npy', content: stack }]),
        );
      if (when === 'before the run') await put();
      await world.run('x');
      if (when === 'after the run') {
        await put();
        assert.equal(await world.f.ingest(`s.${shape}`), false);
      }
      await world.raw.write('s.ids.txt', Buffer.from(`${samples.ids[9]}\n${samples.ids[10]}\n`));
      assert.equal(await world.f.ingest('s.ids.txt'), true);
      await world.check(range(0, 11));
      assert.equal(await world.f.ingest(`s.${shape}`), true);
      await world.check(range(0, 11));
    }
});

test('the message of a key that chirpline cannot use is done', async () => {
  const world = await prepare(range(0, 9), 9);
  await world.run('x');
  assert.equal(await world.f.ingest('notes//x.npy'), true);
});

test('another label for a late sample is refused, as for any sample with a record', async () => {
  const world = await prepare(range(0, 9), 10);
  await world.run('x');
  await world.put(9);
  assert.equal(await world.f.ingest(9), true);
  const labels = text(labelsOf(samples, 10)).replace(
    `${samples.ids[9]},${samples.targets[9]}`,
    `${samples.ids[9]},${1 - samples.targets[9]!}`,
  );
  await world.raw.write('training_labels.csv', new TextEncoder().encode(labels));
  await assert.rejects(world.run('y'), /have another label/);
  await world.putLabels(COUNT);
  await world.run('z');
  await world.check(range(0, 10), range(10, COUNT));
});

test('labels are removed: samples with a record keep it, and the rest is reported', async () => {
  const world = await prepare(without(0, 9, 3), 9);
  await world.run('x');
  await world.check(without(0, 9, 3), [3]);
  await world.putLabels(2);
  await world.run('y');
  await world.check(without(0, 9, 3));
  await world.put(3);
  assert.equal(await world.f.ingest(3), true);
  await world.check(without(0, 9, 3), [3]);
  await world.putLabels(9);
  await world.run('z');
  await world.check(range(0, 9));
});
