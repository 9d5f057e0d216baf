import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { createRandomStream } from '../../src/core/random.ts';
import { readShard } from '../../src/records/shard.ts';
import { chirpline, chirplineWell, startChirpline } from '../support/command.ts';
import { fixture, folderForTests, scratch } from '../support/fixtures.ts';
import { runPython } from '../support/python.ts';

const { folder, remove } = folderForTests();
const raw = join(folder, 'raw');
after(remove);
before(() => {
  chirplineWell('simulate', raw, '--samples', '400', '--seed', '7');
});

/** The records, without `_work`, where plan ids are random, and without the hidden leftovers of killed writers. */
function recordsIn(place: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(contents(place)).filter(
      ([path]) => !path.startsWith('/_work/') && !path.includes('.chirpline-'),
    ),
  );
}

/** All files in a folder and its subfolders, with the hashes of their bytes. */
function contents(place: string): Record<string, string> {
  const files = readdirSync(place, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Object.fromEntries(
    files
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
      .sort()
      .map((path) => [
        path.slice(place.length),
        createHash('sha256').update(readFileSync(path)).digest('hex'),
      ]),
  );
}

test('one worker and four workers write the same bytes', (t) => {
  const one = join(scratch(t), 'records');
  const four = join(scratch(t), 'records');
  chirplineWell('preprocess', raw, one, '--shard-size', '64', '--workers', '1');
  chirplineWell('preprocess', raw, four, '--shard-size', '64', '--workers', '4');
  assert.deepEqual(recordsIn(four), recordsIn(one));
  assert.equal(Object.keys(recordsIn(one)).length, 10);
});

/**
 * Points of a run of 25 shards at which it is killed: when its manifest exists, when its PSD does, and when this many shards do.
 * Half of the kills come a moment later.
 */
const KILLS = ['manifest', 'psd', 1, 2, 4, 7, 11, 15, 19, 22] as const;

test('after a kill at any time, the same command resumes at once and gives the same bytes', async (t) => {
  const whole = join(scratch(t), 'records');
  const args = (records: string) => ['preprocess', raw, records, '--shard-size', '16', '--workers', '2'];
  chirplineWell(...args(whole));
  const expected = recordsIn(whole);
  const random = createRandomStream(1, 0, 0);
  let landed = 0;
  for (const [round, point] of KILLS.entries()) {
    const records = join(scratch(t), 'records');
    const list = (...path: string[]) => {
      const place = join(records, ...path);
      return existsSync(place) ? readdirSync(place) : [];
    };
    const isThere = () => {
      const shards = list().filter((name) => name.endsWith('.tfrecord')).length;
      if (typeof point === 'number') return shards >= point;
      if (point === 'manifest') return existsSync(join(records, '_work', 'manifest.json'));
      return shards > 0 || list('_work').some((id) => existsSync(join(records, '_work', id, 'avg_psd.npz')));
    };
    const child = startChirpline(...args(records));
    const ended = once(child, 'exit');
    while (!isThere() && child.exitCode === null) await setTimeout(1);
    if (round % 2 === 1) await setTimeout(random.uniform(0, 10));
    child.kill('SIGKILL');
    // The child is not awaited: a zombie must count as a dead holder of the lease.
    const again = chirpline(...args(records));
    const context = `killed after ${point}: ${again.stderr}`;
    assert.equal(again.status, 0, context);
    assert.deepEqual(recordsIn(records), expected, context);
    assert.doesNotMatch(again.stderr, /waiting/, context);
    const [, by] = await ended;
    if (by === 'SIGKILL') landed += 1;
  }
  // On a busy machine a run may end before a late kill arrives.
  assert.ok(landed >= KILLS.length - 3, `${landed} kills landed`);
});

for (const signal of ['SIGINT', 'SIGHUP'] as const)
  test(`${signal} stops a run with exit code 130 and no temporary files, and the same command resumes`, async (t) => {
    const records = join(scratch(t), 'records');
    const args = ['preprocess', raw, records, '--shard-size', '8', '--workers', '1'];
    const child = startChirpline(...args);
    const ended = once(child, 'exit');
    // Not recursive: a folder that the run removes meanwhile would be an error.
    while (!existsSync(records) || !readdirSync(records).some((name) => name.endsWith('.tfrecord'))) {
      assert.equal(child.exitCode, null, 'the run ended before its first shard');
      await setTimeout(5);
    }
    child.kill(signal);
    const [code] = await ended;
    assert.equal(code, 130);
    assert.deepEqual(
      readdirSync(records, { recursive: true }).filter((path) => String(path).includes('.chirpline-')),
      [],
    );
    assert.match(chirplineWell(...args), /400 records in 50 shards/);
  });

test('two runs on the same output: the second says which process it waits for, and finds all done', async (t) => {
  const records = join(scratch(t), 'records');
  const args = ['preprocess', raw, records, '--shard-size', '8', '--workers', '1'];
  const first = startChirpline(...args);
  const ended = once(first, 'exit');
  while (!existsSync(join(records, '_work', 'manifest.json'))) {
    assert.equal(first.exitCode, null, 'the run ended before its manifest');
    await setTimeout(2);
  }
  const second = chirpline(...args);
  assert.equal(second.status, 0, second.stderr);
  assert.match(
    second.stderr,
    new RegExp(
      `being written by process ${first.pid} on .*: waiting for it to end, or until \\d\\d:\\d\\d:\\d\\d`,
    ),
  );
  assert.match(second.stderr, /already complete/);
  assert.match(second.stdout, /400 records in 50 shards/);
  assert.deepEqual((await ended)[0], 0);
});

test('a finished run is not repeated', (t) => {
  const records = join(scratch(t), 'records');
  chirplineWell('preprocess', raw, records);
  const before = contents(records);
  const again = chirpline('preprocess', raw, records);
  assert.equal(again.status, 0);
  assert.match(again.stderr, /already complete/);
  assert.deepEqual(contents(records), before);
});

/** SHA-256 of the shards of test/fixtures/g2net-lal, with four samples per shard, as version 0.1.0 made them. */
const GOLDEN = {
  float16: [
    '108ce909b2267bca8b90fc65af46a2c5c5f79bd51c772b32a608039a115cf10d',
    '5494d960a2d6542f744ea32df6dd899c90888b37c630393472a0a37ddb2be2e2',
  ],
  float32: [
    '079951d76fc8c9a9869dd7a445a658ee010f743650c059425d04de15bdbebde6',
    'b6f03ac66108e7ad31d401eadebe701792b610d9ade9f8ae5a62f2b65a1a1841',
  ],
};

function hashShards(from: string, records: string, dtype: string, shardSize: number): string[] {
  chirplineWell('preprocess', from, records, '--dtype', dtype, '--shard-size', String(shardSize));
  const hashes = Object.entries(recordsIn(records)).filter(([path]) => path.endsWith('.tfrecord'));
  return hashes.map(([, hash]) => hash);
}

test('the shards of samples made by LALSimulation have the same bytes as in version 0.1.0', (t) => {
  for (const [dtype, hashes] of Object.entries(GOLDEN)) {
    assert.deepEqual(hashShards(fixture('g2net-lal'), join(scratch(t), 'records'), dtype, 4), hashes, dtype);
  }
});

test('the average PSD agrees with SciPy within 1e-12, and the records within 1e-5', (t) => {
  const records = join(scratch(t), 'records');
  chirplineWell('preprocess', raw, records, '--dtype', 'float32');
  const file = join(records, 'train-00000-of-00001.tfrecord');
  const signals = join(scratch(t), 'signals');
  const labels: [string, number][] = [];
  for (const { id, label, signal } of readShard(readFileSync(file), file, 400)) {
    labels.push([id!, label]);
    appendFileSync(signals, new Uint8Array(signal.buffer));
  }
  const differences = runPython(
    `
import sys, json, numpy as np
sys.path.insert(0, sys.argv[1])
from reference_preprocess import avg_psd, labels, path, preprocess
raw, psd_file, signals_file, ours_labels = sys.argv[2:]
rows = labels(raw)
assert [list(row) for row in rows] == json.loads(ours_labels)
samples = [np.load(path(raw, i)) for i, _ in rows]
theirs = avg_psd(x for x, (_, target) in zip(samples, rows) if target == 0)
ours = np.load(psd_file)["avg_psd"]
signals = np.fromfile(signals_file, "<f4").reshape(-1, 3, 4096)
worst = max(float(np.abs(ours - preprocess(x, theirs)).max()) for x, ours in zip(samples, signals, strict=True))
print(json.dumps([float((np.abs(ours - theirs) / theirs).max()), worst]))
`,
    fixture(''),
    raw,
    join(records, 'avg_psd.npz'),
    signals,
    JSON.stringify(labels),
  );
  const [psd, record] = JSON.parse(differences) as [number, number];
  assert.ok(psd < 1e-12, `PSD differs by ${psd}`);
  assert.ok(record < 1e-5, `records differ by ${record}`);
});

test('a missing or empty folder gives an error of one line', (t) => {
  const empty = scratch(t);
  for (const place of [empty, join(empty, 'nothing')]) {
    const { status, stderr } = chirpline('preprocess', place, join(scratch(t), 'records'));
    assert.equal(status, 1);
    assert.match(stderr, /training_labels\.csv: found no such file/);
    assert.equal(stderr.trim().split('\n').length, 1);
  }
});

test('the error for an output that cannot be written contains its path', (t) => {
  const file = join(scratch(t), 'file');
  writeFileSync(file, '');
  const { status, stderr } = chirpline('preprocess', raw, join(file, 'records'));
  assert.equal(status, 3);
  assert.match(stderr, /file/);
});

test('--psd uses the given PSD and refuses one of another shape', (t) => {
  const place = scratch(t);
  chirplineWell('preprocess', raw, join(place, 'first'));
  const psd = join(place, 'first', 'avg_psd.npz');
  chirplineWell('preprocess', raw, join(place, 'second'), '--psd', psd);
  assert.deepEqual(
    readFileSync(join(place, 'second', 'train-00000-of-00001.tfrecord')),
    readFileSync(join(place, 'first', 'train-00000-of-00001.tfrecord')),
  );
  const { status, stderr } = chirpline(
    'preprocess',
    raw,
    join(place, 'third'),
    '--psd',
    fixture('lal-check.npz'),
  );
  assert.equal(status, 1);
  assert.match(stderr, /lal-check\.npz: found no such array, needed an array avg_psd/);
});

test('stacks and archives give the same records as single files', (t) => {
  const place = scratch(t);
  chirplineWell('preprocess', raw, join(place, 'single'), '--shard-size', '100');
  runPython(
    `
import sys, os, csv, io, tarfile, numpy as np
raw, place = sys.argv[1:]
rows = [r["id"] for r in csv.DictReader(open(raw + "/training_labels.csv"))]
load = lambda i: np.load(f"{raw}/train/{i[0]}/{i[1]}/{i[2]}/{i}.npy")
for kind in ("stack", "tar", "npz"):
    os.makedirs(f"{place}/{kind}")
    os.symlink(raw + "/training_labels.csv", f"{place}/{kind}/training_labels.csv")
np.save(f"{place}/stack/all.npy", np.stack([load(i) for i in rows]))
np.savez_compressed(f"{place}/npz/all.npz", **{i: load(i) for i in rows})
with tarfile.open(f"{place}/tar/all.tar", "w") as tar:
    for i in reversed(rows):
        data = io.BytesIO(); np.save(data, load(i)); info = tarfile.TarInfo(f"x/{i}.npy"); info.size = len(data.getvalue()); data.seek(0); tar.addfile(info, data)
`,
    raw,
    place,
  );
  for (const kind of ['stack', 'tar', 'npz']) {
    chirplineWell('preprocess', join(place, kind), join(place, `${kind}-records`), '--shard-size', '100');
    for (const name of ['avg_psd.npz', 'train-00000-of-00004.tfrecord', 'train-00003-of-00004.tfrecord']) {
      const same = readFileSync(join(place, `${kind}-records`, name)).equals(
        readFileSync(join(place, 'single', name)),
      );
      assert.ok(same, `${name} of ${kind}`);
    }
  }
});

test('inspect finds a flipped bit in a shard and gives its offset', (t) => {
  const place = scratch(t);
  const records = join(place, 'records');
  chirplineWell('preprocess', raw, records, '--shard-size', '200');
  assert.match(chirplineWell('inspect', join(records, 'metadata.json')), /all is well/);
  const broken = join(place, 'broken');
  cpSync(records, broken, { recursive: true });
  const shard = join(broken, 'train-00001-of-00002.tfrecord');
  const bytes = readFileSync(shard);
  bytes[30_000]! ^= 1;
  writeFileSync(shard, bytes);
  const { status, stderr } = chirpline('inspect', shard);
  assert.equal(status, 1);
  assert.match(stderr, /train-00001-of-00002\.tfrecord at byte 24670: found record data with masked CRC-32C/);
  const whole = chirpline('inspect', join(broken, 'metadata.json'));
  assert.equal(whole.status, 1);
  assert.match(whole.stdout, /WRONG: train-00001-of-00002\.tfrecord: SHA-256/);
});
