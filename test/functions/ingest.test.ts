import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, test } from 'node:test';
import { createChunk } from '../../functions/chunk.ts';
import { createFinalize } from '../../functions/finalize.ts';
import { createIngest } from '../../functions/ingest.ts';
import { createPlan, type RunSettings } from '../../functions/plan.ts';
import { ambient } from '../../src/core/ambient.ts';
import { BusyError } from '../../src/core/errors.ts';
import { SAMPLE_SIZE } from '../../src/core/strain.ts';
import { encodeNpy } from '../../src/numpy/npy.ts';
import { createTaskRunner } from '../../src/preprocess/chunk-task.ts';
import { finalizePlan } from '../../src/preprocess/finalize.ts';
import { nameLaterShard, readPlan } from '../../src/preprocess/plan/plan.ts';
import { acquireLease, executionLease, releaseLease } from '../../src/preprocess/state/lease.ts';
import { endPlanning, readManifest, startPlanning } from '../../src/preprocess/state/manifest.ts';
import { parseRejected, type Rejection } from '../../src/preprocess/state/rejected.ts';
import { readSamples } from '../../src/raw/samples.ts';
import { TAR_END } from '../../src/raw/tar/tar-header.ts';
import { type Metadata, parseMetadata } from '../../src/records/metadata.ts';
import { readShard } from '../../src/records/shard.ts';
import type { ObjectInfo, ObjectStore } from '../../src/storage/store.ts';
import { type Dataset, writeDataset, writeLabels } from '../support/dataset.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { estimatePsd, needPlan, runWhole } from '../support/steps.ts';
import { s3Event, sqsEvent, withTime } from './events.ts';
import { memoryDatasets } from './stores.ts';

const AMPLE = withTime(60_000);
/** Number of samples in the run. Late objects are taken from the rest. */
const IN_RUN = 8;

let samples: ObjectStore;
let dataset: Dataset;
before(async () => {
  samples = createMemoryStore();
  dataset = await writeDataset(samples, 14);
});

const rows = (count: number) =>
  dataset.ids.slice(0, count).map((id, i): [string, number] => [id, dataset.targets[i]!]);
const keyOf = (index: number) => {
  const id = dataset.ids[index]!;
  return `train/${id[0]}/${id[1]}/${id[2]}/${id}.npy`;
};

const SETTINGS: RunSettings = {
  dtype: 'float16',
  shardSize: 8,
  psdSamples: 9,
  seed: 1,
  maxRejected: 0.2,
  trainAfterRun: false,
};
const { maxRejected: _, trainAfterRun: __, ...PLAN_SETTINGS } = { ...SETTINGS, dataset: 'tiny' };

/** A dataset whose run has got as far as `until`, with labels for all samples, and the function on it. */
async function prepare(until: 'nothing' | 'plan' | 'psd' | 'end', broken: number[] = []) {
  const open = memoryDatasets();
  const stores = open('tiny');
  for (let index = 0; index < IN_RUN; index += 1) {
    const bytes = await samples.read(keyOf(index));
    await stores.raw.write(keyOf(index), broken.includes(index) ? bytes.subarray(0, 5000) : bytes);
  }
  await writeLabels(stores.raw, rows(IN_RUN));
  if (until !== 'nothing') {
    const plan = await needPlan(stores, PLAN_SETTINGS, SETTINGS.maxRejected);
    if (until !== 'plan') await estimatePsd(stores, plan);
    if (until === 'end') {
      await createTaskRunner(stores)({ step: 'shard', plan: plan.id, index: 0 });
      await finalizePlan(stores, plan.id, SETTINGS.maxRejected);
    }
  }
  await writeLabels(stores.raw, rows(14));
  const ingest = createIngest(open);
  const send = (...keys: string[]) =>
    ingest(sqsEvent(...keys.map((key) => s3Event({ key: `raw/tiny/${key}` }))), AMPLE);
  const upload = async (index: number) => {
    await stores.raw.write(keyOf(index), await samples.read(keyOf(index)));
    return send(keyOf(index));
  };
  return { ...stores, open, send, upload };
}

/** A stack of the dataset's samples; those of `broken` are NaN. */
async function stackOf(indices: number[], broken: number[] = []): Promise<Uint8Array> {
  const data = new Float64Array(indices.length * SAMPLE_SIZE);
  const refs = indices.map((index) => ({ kind: 'npy' as const, id: dataset.ids[index]!, key: keyOf(index) }));
  let row = 0;
  for await (const { strain } of readSamples(samples, refs)) {
    if (broken.includes(indices[row]!)) strain!.fill(Number.NaN);
    data.set(strain!, row * SAMPLE_SIZE);
    row += 1;
  }
  return encodeNpy({ dtype: '<f8', shape: [indices.length, 3, 4096], data });
}

const idList = (indices: number[]) =>
  new TextEncoder().encode(indices.map((index) => `${dataset.ids[index]}\n`).join(''));

const OK = { batchItemFailures: [] };
const AGAIN = { batchItemFailures: [{ itemIdentifier: 'm0' }] };

async function readMetadata(records: ObjectStore): Promise<Metadata> {
  return parseMetadata(await records.read('metadata.json'), 'metadata.json');
}

/** The ids of all records. Checks that metadata.json is right. */
async function idsOf(records: ObjectStore): Promise<(string | undefined)[]> {
  const { n_samples, n_failed, shards } = await readMetadata(records);
  const ids: (string | undefined)[] = [];
  for (const { name, sha256, n_records } of shards) {
    const bytes = await records.read(name);
    assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256);
    for (const { id } of readShard(bytes, name, n_records)) ids.push(id);
  }
  assert.equal(n_samples, ids.length);
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(n_failed, (await rejectedOf(records)).length);
  return ids;
}

async function rejectedOf(records: ObjectStore): Promise<Rejection[]> {
  if ((await records.head('rejected.csv')) === undefined) return [];
  return parseRejected(new TextDecoder().decode(await records.read('rejected.csv')));
}

/** Indices of the samples whose records were added, ascending. */
async function addedOf(records: ObjectStore): Promise<number[]> {
  const ids = (await idsOf(records)).slice(IN_RUN);
  return ids.map((id) => dataset.ids.indexOf(id ?? '')).sort((a, b) => a - b);
}

test('an object that arrives after the run gets its own shard, once, however often its event arrives', async () => {
  const { records, send, upload } = await prepare('end');
  assert.deepEqual(await upload(9), OK);
  assert.deepEqual(await send(keyOf(9), keyOf(9)), OK);
  const metadata = await readMetadata(records);
  assert.equal(metadata.n_samples, 9);
  assert.deepEqual(
    metadata.shards.map(({ n_records }) => n_records),
    [8, 1],
  );
  assert.match(metadata.shards[1]!.name, /^added-[0-9a-f]{16}\.tfrecord$/);
  assert.equal((await idsOf(records))[8], dataset.ids[9]);
});

test('objects that arrive at the same time are all in the records in the end', async () => {
  const { records, upload } = await prepare('end');
  const answers = await Promise.all([8, 9, 10, 11, 12, 13].map(upload));
  assert.deepEqual(answers, Array(6).fill(OK));
  assert.deepEqual((await idsOf(records)).sort(), dataset.ids);
});

test('the message of an object that arrives before the labels and the plan is done', async () => {
  const { records, upload } = await prepare('nothing');
  assert.deepEqual(await upload(9), OK);
  for await (const { key } of records.list('')) assert.fail(key);
});

test('a message is delivered again while the raw objects are listed, and not after failed planning', async () => {
  const { records, send, upload } = await prepare('nothing');
  await acquireLease(records, executionLease('first'));
  assert.deepEqual(await upload(9), AGAIN);
  assert.deepEqual(await send(keyOf(0)), AGAIN);
  await releaseLease(records, 'first');
  assert.deepEqual(await send(keyOf(9)), OK);
});

test('a late object removes a lease that expired long ago, whose plan is then refused', async (t) => {
  t.mock.method(ambient, 'now', () => Date.now() - 86_400_000);
  const { records, send } = await prepare('end');
  await acquireLease(records, executionLease('first'));
  await startPlanning(records, 'first', 'a-plan');
  t.mock.restoreAll();
  assert.deepEqual(await send(keyOf(0)), OK);
  assert.equal((await readManifest(records)).lease, undefined);
  await assert.rejects(endPlanning(records, 'a-plan', 'a-plan'), BusyError);
});

for (const until of ['plan', 'psd'] as const) {
  test(`during a run that has its ${until}, an object of the run is known, and another object is retried`, async () => {
    const { send, upload } = await prepare(until);
    assert.deepEqual(await send(keyOf(0)), OK);
    assert.deepEqual(await upload(9), AGAIN);
  });
}

test('during a run, a newer version of an object of the run is retried', async () => {
  const { raw, send, upload } = await prepare('psd');
  await raw.write('more.npy', await stackOf([8, 9]));
  await raw.write('more.ids.txt', idList([8, 9]));
  assert.deepEqual(await send('more.npy'), AGAIN);
  assert.deepEqual(await upload(0), AGAIN);
});

test('an object that arrives at any moment of a run is in the records once', async () => {
  const moments = ['start', 'listing', 'end of listing', 'plan', 'psd', 'shards', 'end'] as const;
  for (const moment of moments) {
    const { raw, records, models, send, open } = await prepare('nothing');
    await writeLabels(raw, rows(IN_RUN + 1));
    let answer = AGAIN;
    let reached = false;
    // A store is listed in parts: only the first part counts.
    const reach = async (now: (typeof moments)[number]) => {
      if (now !== moment || reached) return;
      reached = true;
      await raw.write(keyOf(IN_RUN), await samples.read(keyOf(IN_RUN)));
      answer = await send(keyOf(IN_RUN));
    };
    const watched: ObjectStore = {
      ...raw,
      async *list(prefix) {
        await reach('listing');
        const seen: ObjectInfo[] = [];
        for await (const info of raw.list(prefix)) seen.push(info);
        await reach('end of listing');
        yield* seen;
      },
    };
    const input = { dataset: 'tiny', execution: 'first' };
    await reach('start');
    const { id, resumed } = await createPlan(
      () => ({ raw: watched, records, models }),
      () => SETTINGS,
      async () => true,
    )(input, withTime(60_000));
    await reach('plan');
    await createChunk('psd', open)({ dataset: 'tiny', plan: id, index: 0 }, AMPLE);
    await createChunk('reduce', open)({ dataset: 'tiny', plan: id }, AMPLE);
    await reach('psd');
    for (const index of (await readPlan(records, id)).shards.keys()) {
      await createChunk('shard', open)({ dataset: 'tiny', plan: id, index }, AMPLE);
    }
    await reach('shards');
    await createFinalize(open, () => 0.2)({ ...input, plan: id, resumed });
    await reach('end');
    if (answer.batchItemFailures.length > 0) assert.deepEqual(await send(keyOf(IN_RUN)), OK);
    assert.deepEqual(await addedOf(records), [IN_RUN], moment);
    assert.deepEqual(await rejectedOf(records), [], moment);
  }
});

test('a batch of known objects costs as many requests as one object, with a run and without', async () => {
  for (const until of ['nothing', 'end'] as const) {
    const counts: number[] = [];
    for (const events of [1, IN_RUN]) {
      const { raw, records, models } = await prepare(until);
      let requests = 0;
      const counted = (store: ObjectStore): ObjectStore => ({
        ...store,
        head: (key) => {
          requests += 1;
          return store.head(key);
        },
        read: (...args) => {
          requests += 1;
          return store.read(...args);
        },
      });
      const ingest = createIngest(() => ({ raw: counted(raw), records: counted(records), models }));
      const bodies = Array.from({ length: events }, (_, index) =>
        s3Event({ key: `raw/tiny/${keyOf(index)}` }),
      );
      assert.deepEqual(await ingest(sqsEvent(...bodies), AMPLE), OK);
      counts.push(requests);
    }
    assert.ok(counts[0]! > 0);
    assert.equal(counts[0], counts[1]);
  }
});

test('samples for predict are skipped, with a run and without', async () => {
  for (const until of ['nothing', 'psd', 'end'] as const) {
    const { raw, send } = await prepare(until);
    await raw.write('test/f/f/f/ffffffffff.npy', await samples.read(keyOf(9)));
    assert.deepEqual(await send('test/f/f/f/ffffffffff.npy'), OK);
  }
});

test('a read that fails once fails one delivery and no other', async () => {
  for (const bad of ['training_labels.csv', 'samples.bin', 'avg_psd.npz']) {
    const { raw, records, models } = await prepare('end');
    await raw.write(keyOf(9), await samples.read(keyOf(9)));
    let failures = 1;
    const shaky = (store: ObjectStore): ObjectStore => ({
      ...store,
      async read(key, ...rest) {
        if (key.endsWith(bad) && failures-- > 0) throw new Error('SlowDown');
        return store.read(key, ...rest);
      },
    });
    const ingest = createIngest(() => ({ raw: shaky(raw), records: shaky(records), models }));
    const event = sqsEvent(s3Event({ key: `raw/tiny/${keyOf(9)}` }));
    assert.deepEqual(await ingest(event, AMPLE), AGAIN, bad);
    assert.deepEqual(await ingest(event, AMPLE), OK, bad);
    assert.deepEqual(await addedOf(records), [9]);
  }
});

test('an object of the finished run and a missing object change nothing', async () => {
  const { records, send } = await prepare('end');
  const before = await records.head('metadata.json');
  assert.deepEqual(await send(keyOf(0), 'train/gone.npy'), OK);
  assert.deepEqual(await records.head('metadata.json'), before);
});

test('an object without a label is rejected at once, and added by the run of labels that have its id', async () => {
  const { raw, records, models, upload } = await prepare('end');
  await writeLabels(raw, rows(IN_RUN));
  assert.deepEqual(await upload(12), OK);
  assert.deepEqual(
    (await rejectedOf(records)).map(({ id, file, reason }) => [id, file, reason]),
    [[dataset.ids[12], keyOf(12), 'no label']],
  );
  assert.deepEqual(await addedOf(records), []);
  await writeLabels(raw, [...rows(IN_RUN), rows(13)[12]!]);
  const metadata = await runWhole({ raw, records }, PLAN_SETTINGS);
  assert.deepEqual([metadata.n_samples, metadata.n_failed], [9, 0]);
  assert.deepEqual(await addedOf(records), [12]);
  // Its event is delivered again, to a function with empty caches.
  const ingest = createIngest(() => ({ raw, records, models }));
  assert.deepEqual(await ingest(sqsEvent(s3Event({ key: `raw/tiny/${keyOf(12)}` })), AMPLE), OK);
  assert.deepEqual(await readMetadata(records), metadata);
});

test('a bad object is rejected with its id, and added when it arrives again fixed', async () => {
  const { raw, records, send, upload } = await prepare('end');
  const bad = encodeNpy({ dtype: '<f8', shape: [3, 4096], data: new Float64Array(3 * 4096) });
  await raw.write(keyOf(9), bad);
  assert.deepEqual(await send(keyOf(9), keyOf(9)), OK);
  const metadata = await readMetadata(records);
  assert.deepEqual([metadata.n_samples, metadata.n_failed, metadata.shards.length], [8, 1, 1]);
  const rejected = async () => parseRejected(new TextDecoder().decode(await records.read('rejected.csv')));
  assert.deepEqual(
    (await rejected()).map(({ id }) => id),
    [dataset.ids[9]],
  );

  assert.deepEqual(await upload(9), OK);
  const fixed = await readMetadata(records);
  assert.deepEqual([fixed.n_samples, fixed.n_failed, fixed.shards.length], [9, 0, 2]);
  assert.deepEqual(await rejected(), []);
});

test('a sample that the run rejected is added when it arrives again fixed', async () => {
  const { records, send, upload } = await prepare('end', [3]);
  assert.equal((await rejectedOf(records)).length, 1);
  assert.deepEqual(await send(keyOf(3)), OK);
  assert.equal((await rejectedOf(records)).length, 1);
  assert.deepEqual(await upload(3), OK);
  assert.deepEqual(await rejectedOf(records), []);
  assert.equal((await idsOf(records)).length, IN_RUN);
});

test('an added object keeps its records when it is overwritten', async () => {
  const { raw, records, send, upload } = await prepare('end');
  await upload(9);
  const before = await readMetadata(records);
  await raw.write(keyOf(9), await samples.read(keyOf(10)));
  assert.deepEqual(await send(keyOf(9)), OK);
  assert.deepEqual(await readMetadata(records), before);
});

test('a stack that arrives again fixed adds the samples without a record', async () => {
  const { raw, records, send } = await prepare('end');
  await raw.write('more.ids.txt', idList([8, 9, 10]));
  await raw.write('more.npy', await stackOf([8, 9, 10], [9]));
  assert.deepEqual(await send('more.npy', 'more.npy'), OK);
  assert.deepEqual(await addedOf(records), [8, 10]);
  assert.deepEqual(
    (await rejectedOf(records)).map(({ id, file }) => [id, file]),
    [[dataset.ids[9], 'more.npy']],
  );

  await raw.write('more.ids.txt', idList([8, 9, 10, 11]));
  await raw.write('more.npy', await stackOf([8, 9, 10, 11], [11]));
  assert.deepEqual(await send('more.npy'), OK);
  assert.deepEqual(await addedOf(records), [8, 9, 10]);
  assert.deepEqual(
    (await rejectedOf(records)).map(({ id }) => id),
    [dataset.ids[11]],
  );
  const settled = await readMetadata(records);
  assert.deepEqual(
    settled.shards.map(({ n_records }) => n_records),
    [8, 2, 1],
  );

  assert.deepEqual(await send('more.npy', 'more.npy'), OK);
  // On S3 the same bytes have the same version; here they get a new one.
  await raw.write('more.npy', await stackOf([8, 9, 10, 11], [11]));
  assert.deepEqual(await send('more.npy'), OK);
  assert.deepEqual(await readMetadata(records), settled);
});

test('the next object publishes the work of an interrupted function', async () => {
  const { records, models, raw, upload } = await prepare('end');
  await raw.write(keyOf(9), await samples.read(keyOf(9)));
  const silent: ObjectStore = {
    ...records,
    async write(key, ...rest) {
      if (key === 'metadata.json') throw new Error('killed');
      return records.write(key, ...rest);
    },
  };
  const ingest = createIngest(() => ({ raw, records: silent, models }));
  assert.deepEqual(await ingest(sqsEvent(s3Event({ key: `raw/tiny/${keyOf(9)}` })), AMPLE), AGAIN);
  assert.deepEqual(await addedOf(records), []);
  assert.deepEqual(await upload(10), OK);
  assert.deepEqual(await addedOf(records), [9, 10]);
});

test('other bytes under the name of a shard are refused, and the shard is made once they are removed', async () => {
  const { raw, records, send, upload } = await prepare('end');
  const info = await raw.write(keyOf(9), await samples.read(keyOf(9)));
  const ref = { kind: 'npy' as const, id: dataset.ids[9]!, key: keyOf(9), etag: info.etag };
  const { content } = await readManifest(records);
  const label = dataset.targets[9] as 0 | 1;
  const name = nameLaterShard(content!, [{ ref, label }]);
  await records.write(name, new Uint8Array(10));
  assert.deepEqual(await send(keyOf(9)), AGAIN);
  assert.deepEqual(await addedOf(records), []);
  await records.remove(name);
  assert.deepEqual(await send(keyOf(9)), OK);
  assert.deepEqual(await addedOf(records), [9]);
  assert.equal((await readMetadata(records)).shards[1]?.name, name);
  assert.deepEqual(await upload(9), OK);
  assert.deepEqual(await addedOf(records), [9]);
});

test('an object overwritten while it is read is added in its new version when its message is delivered again', async () => {
  for (const moment of ['read', 'added']) {
    const { raw, records, models, send } = await prepare('end');
    await raw.write('more.ids.txt', idList([8, 9]));
    await raw.write('more.npy', await stackOf([8, 9], [8]));
    const fixed = await stackOf([8, 9]);
    let left = 1;
    const fix = async () => {
      if (left-- > 0) await raw.write('more.npy', fixed);
    };
    const watched: ObjectStore = {
      ...raw,
      async read(key, range, options) {
        // The header is read without knowing the version.
        if (moment === 'read' && key === 'more.npy' && options?.ifMatch !== undefined) await fix();
        return raw.read(key, range, options);
      },
    };
    const written: ObjectStore = {
      ...records,
      async write(key, ...rest) {
        // Another function adds the new version in between.
        if (moment === 'added' && key === '_work/manifest.json' && left === 1) {
          await fix();
          assert.deepEqual(await send('more.npy'), OK);
        }
        return records.write(key, ...rest);
      },
    };
    const ingest = createIngest(() => ({ raw: watched, records: written, models }));
    const event = sqsEvent(s3Event({ key: 'raw/tiny/more.npy' }));
    // When another function has added the new version, nothing is left to do.
    assert.deepEqual(await ingest(event, AMPLE), moment === 'read' ? AGAIN : OK, moment);
    assert.equal(left < 1, true);
    assert.deepEqual(await ingest(event, AMPLE), OK, moment);
    assert.deepEqual(await addedOf(records), [8, 9], moment);
    assert.deepEqual(await rejectedOf(records), [], moment);
  }
});

test('a stack waits for the names of its samples', async () => {
  const { raw, records, send } = await prepare('end');
  await raw.write('more.npy', await stackOf([8, 9]));
  assert.deepEqual(await send('more.npy'), AGAIN);
  assert.deepEqual(await rejectedOf(records), []);
  await raw.write('more.ids.txt', idList([8, 9]));
  assert.deepEqual(await send('more.npy'), OK);
  assert.deepEqual(await addedOf(records), [8, 9]);
});

test('the row of a stack with too few names is removed when the stack arrives again with all names', async () => {
  const { raw, records, send } = await prepare('end');
  await raw.write('more.ids.txt', idList([8]));
  await raw.write('more.npy', await stackOf([8, 9]));
  assert.deepEqual(await send('more.npy'), OK);
  assert.deepEqual(
    (await rejectedOf(records)).map(({ id, file }) => [id, file]),
    [['', 'more.ids.txt']],
  );
  await raw.write('more.ids.txt', idList([8, 9]));
  assert.deepEqual(await send('more.npy'), OK);
  assert.deepEqual(await addedOf(records), [8, 9]);
  assert.deepEqual(await rejectedOf(records), []);
});

test('the row of a broken archive is removed when the archive arrives again fixed', async () => {
  const { raw, records, send } = await prepare('end');
  await raw.write('more.tar', Buffer.alloc(700, 'x'));
  assert.deepEqual(await send('more.tar'), OK);
  assert.deepEqual(
    (await rejectedOf(records)).map(({ file }) => file),
    ['more.tar'],
  );
  await raw.write('more.tar', TAR_END);
  assert.deepEqual(await send('more.tar'), OK);
  assert.deepEqual(await rejectedOf(records), []);
  assert.deepEqual(await addedOf(records), []);
});

test('samples with the same id are rejected together, in one row', async () => {
  const { raw, records, send } = await prepare('end');
  await raw.write('more.ids.txt', idList([8, 9, 8]));
  await raw.write('more.npy', await stackOf([8, 9, 10]));
  assert.deepEqual(await send('more.npy'), OK);
  assert.deepEqual(await addedOf(records), [9]);
  assert.deepEqual(
    (await rejectedOf(records)).map(({ id, reason }) => [id, reason]),
    [[dataset.ids[8], 'several raw samples have this id']],
  );
});

test('a sample that arrives under a second key is rejected, whatever the order of events', async () => {
  const { raw, records, upload, send } = await prepare('end');
  await upload(9);
  const twin = `elsewhere/${dataset.ids[9]}.npy`;
  await raw.write(twin, await samples.read(keyOf(9)));
  for (const key of [twin, keyOf(9), twin, keyOf(9)]) {
    assert.deepEqual(await send(key), OK);
    assert.deepEqual(await addedOf(records), [9]);
    const [row, ...more] = await rejectedOf(records);
    assert.equal(more.length, 0);
    assert.equal(row?.file, twin);
    assert.equal(row?.reason, 'another object has a record with this id');
  }
});

test('two keys of one sample that arrive at once give one record and one rejection', async () => {
  const { raw, records, send } = await prepare('end');
  const twin = `elsewhere/${dataset.ids[9]}.npy`;
  for (const key of [keyOf(9), twin]) await raw.write(key, await samples.read(keyOf(9)));
  assert.deepEqual(
    await Promise.all([send(keyOf(9)), send(twin), send(keyOf(9)), send(twin)]),
    Array(4).fill(OK),
  );
  assert.deepEqual(await addedOf(records), [9]);
  assert.equal((await rejectedOf(records)).length, 1);
});

test('the next delivery completes the work after a kill between any two writes', async () => {
  // A new sample, and one that the run has rejected, which is in rejected.csv.
  for (const [index, writesNeeded] of [
    [9, 3],
    [3, 4],
  ] as const) {
    for (let allowed = 0; allowed <= writesNeeded; allowed += 1) {
      const { raw, records } = await prepare('end', index === 3 ? [3] : []);
      await raw.write(keyOf(index), await samples.read(keyOf(index)));
      let writes = 0;
      const dying: ObjectStore = {
        ...records,
        write: async (...args) => {
          if (writes === allowed) throw new Error('killed');
          writes += 1;
          return records.write(...args);
        },
      };
      const event = sqsEvent(s3Event({ key: `raw/tiny/${keyOf(index)}` }));
      const open = (store: ObjectStore) => () => ({ raw, records: store, models: createMemoryStore() });
      const wanted = allowed < writesNeeded ? AGAIN : OK;
      assert.deepEqual(await createIngest(open(dying))(event, AMPLE), wanted, `after ${allowed} writes`);
      assert.deepEqual(await createIngest(open(records))(event, AMPLE), OK);
      assert.equal((await idsOf(records)).at(-1), dataset.ids[index]);
      assert.deepEqual(await rejectedOf(records), []);
    }
  }
});

test('a function that is out of time fails its message and writes no shard', async () => {
  const { raw, records } = await prepare('end');
  await raw.write(keyOf(9), await samples.read(keyOf(9)));
  const ingest = createIngest(() => ({ raw, records, models: createMemoryStore() }));
  assert.deepEqual(await ingest(sqsEvent(s3Event({ key: `raw/tiny/${keyOf(9)}` })), withTime(0)), AGAIN);
  assert.equal((await readMetadata(records)).shards.length, 1);
});

test('the messages of other files and of invalid keys are done', async () => {
  const { records, send } = await prepare('end');
  const before = await readManifest(records);
  assert.deepEqual(await send('notes//list.txt', 'notes//x.npy', 'a/../b.npz', 'readme.md'), OK);
  assert.deepEqual(await readManifest(records), before);
});
