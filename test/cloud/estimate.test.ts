import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { createChunk } from '../../functions/chunk.ts';
import { createFinalize } from '../../functions/finalize.ts';
import { createPlan } from '../../functions/plan.ts';
import { createReduce } from '../../functions/reduce.ts';
import { measureRate } from '../../src/cloud/estimate/calibration.ts';
import { CLOUD, type Day } from '../../src/cloud/estimate/conditions.ts';
import { PRICES, parsePrices } from '../../src/cloud/estimate/prices.ts';
import { countRequests, type Workload } from '../../src/cloud/estimate/request-counts.ts';
import { estimateRun } from '../../src/cloud/estimate/run-estimate.ts';
import { planPacks } from '../../src/cloud/upload/packing.ts';
import { uploadFolder } from '../../src/cloud/upload/uploader.ts';
import { SettingError } from '../../src/core/errors.ts';
import { readPsdChunk, readShardChunk } from '../../src/preprocess/plan/chunks.ts';
import { readPlan } from '../../src/preprocess/plan/plan.ts';
import { psdListKey, shardListKey } from '../../src/preprocess/state/record-keys.ts';
import { planReads } from '../../src/raw/reads.ts';
import type { SampleRef } from '../../src/raw/sample-ref.ts';
import { sampleId, sampleKey } from '../../src/simulate/layout.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { writeDataset } from '../support/dataset.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { needPlan } from '../support/steps.ts';

import { type FleetChunk, type FleetConditions, simulateFleet } from './fleet.ts';

const G2NET: Workload = {
  samples: 560_000,
  chunkSize: 1024,
  psdSamples: 10_000,
  dtype: 'float16',
  concurrency: 600,
  fileConcurrency: 24,
  rate: 16_000,
  epochs: 50,
  trainingRate: { low: 500, high: 3000 },
};

describe('the estimate for 560,000 samples', () => {
  const packed = estimateRun(G2NET, true, PRICES);
  const unpacked = estimateRun(G2NET, false, PRICES);

  test('packed: fewer than 30,000 requests, under $0.30, and the shards take seconds', () => {
    const { gets, puts, cost, stages, wall, boundBy } = packed.preprocessing;
    assert.equal(packed.upload.objects, 547);
    assert.ok(gets + puts < 30_000, `${gets + puts} requests`);
    assert.ok(cost.high < 0.3, `$${cost.high}`);
    assert.ok(stages.shards.high < 15, `${stages.shards.high} s`);
    assert.ok(wall.low < 15, `${wall.low} s`);
    assert.equal(boundBy, 'functions');
  });

  test('unpacked: limited by the request rate of the bucket', () => {
    const { gets, stages, boundBy } = unpacked.preprocessing;
    assert.ok(gets > 560_000);
    assert.ok(stages.shards.low > 560_000 / 5500 && stages.shards.low < 1.1 * (560_000 / 5500));
    assert.equal(boundBy, 'requests');
    assert.ok(unpacked.upload.cost.low > 50 * packed.upload.cost.high);
  });

  test('unpacked, with no more functions than the bucket can serve: under $0.60, in the same time', () => {
    const { enough, wall, cost } = unpacked.preprocessing;
    assert.ok(cost.high < 0.6, `$${cost.high}`);
    assert.ok(enough <= G2NET.fileConcurrency && enough > G2NET.fileConcurrency / 2, `${enough} functions`);
    const more = estimateRun({ ...G2NET, fileConcurrency: 200 }, false, PRICES).preprocessing;
    assert.ok(more.cost.high > 1.5 * cost.high, `$${more.cost.high}`);
    assert.ok(wall.high < 1.1 * more.wall.high);
  });

  test('single files use the smaller of the two concurrencies, packs only the first', () => {
    const costs = (concurrency: number, fileConcurrency: number, isPacked: boolean) =>
      estimateRun({ ...G2NET, concurrency, fileConcurrency }, isPacked, PRICES).preprocessing;
    assert.deepEqual(costs(20, 24, false), costs(20, 20, false));
    assert.notDeepEqual(costs(200, 10, false), costs(200, 24, false));
    assert.deepEqual(costs(200, 10, true), costs(200, 24, true));
  });

  test('low is never above high, and twice the samples never take less', () => {
    for (const isPacked of [true, false]) {
      for (const samples of [1, 100, 1024, 10_000, 560_000]) {
        const one = estimateRun({ ...G2NET, samples }, isPacked, PRICES);
        const two = estimateRun({ ...G2NET, samples: 2 * samples }, isPacked, PRICES);
        const ranges = ({ preprocessing: p, upload, training }: typeof one) => [
          ...[p.wall, p.cost, p.gbSeconds, upload.cost, training!.hours, training!.cost],
          ...Object.values(p.stages),
        ];
        for (const [index, { low, high }] of ranges(one).entries()) {
          assert.ok(low > 0 && low <= high, `${samples}: range ${index} is ${low} to ${high}`);
          const { low: twoLow, high: twoHigh } = ranges(two)[index]!;
          assert.ok(twoLow >= low && twoHigh >= high, `${samples}: range ${index}`);
        }
      }
    }
  });

  test('without epochs has no training', () => {
    assert.equal(estimateRun({ ...G2NET, epochs: 0 }, true, PRICES).training, undefined);
  });
});

/** Few, so that they are as far apart as 10,000 of 560,000. */
const PSD_SAMPLES = 10;

/** Runs the deployed functions and counts their requests. */
async function countRun(raw: ObjectStore): Promise<{ gets: number; puts: number }> {
  const counts = { gets: 0, puts: 0 };
  const counted = (store: ObjectStore): ObjectStore => ({
    ...store,
    head: (key) => {
      counts.gets += 1;
      return store.head(key);
    },
    read: (key, ...rest) => {
      counts.gets += 1;
      return store.read(key, ...rest);
    },
    stream: (key, range) => {
      counts.gets += 1;
      return store.stream(key, range);
    },
    list: (...args) => {
      counts.puts += 1;
      return store.list(...args);
    },
    write: (key, ...rest) => {
      counts.puts += 1;
      return store.write(key, ...rest);
    },
  });
  const records = createMemoryStore();
  const stores = { raw: counted(raw), records: counted(records), models: createMemoryStore() };
  const open = () => stores;
  const context = { getRemainingTimeInMillis: () => 60_000 };
  const settings = {
    dtype: 'float16',
    shardSize: 8,
    psdSamples: PSD_SAMPLES,
    seed: 1,
    maxRejected: 0,
    trainAfterRun: false,
  } as const;
  const event = { dataset: 'set', execution: 'one' };
  const { id, resumed } = await createPlan(
    open,
    () => settings,
    async () => false,
  )(event, context);
  // The test's own requests are not counted.
  const plan = await readPlan(records, id);
  const [sum, shard] = [createChunk('psd', open), createChunk('shard', open)];
  for (let index = 0; index < plan.psdChunks; index += 1)
    await sum({ dataset: 'set', plan: id, index }, context);
  await createReduce(open)({ dataset: 'set', plan: id });
  for (const index of plan.shards.keys()) await shard({ dataset: 'set', plan: id, index }, context);
  await createFinalize(open, () => 0)({ ...event, plan: id, resumed });
  return counts;
}

test('the estimated requests agree with those of a real run', async () => {
  const raw = createMemoryStore();
  const samples = 160;
  await writeDataset(raw, samples);
  const packs = createMemoryStore();
  await uploadFolder(raw, packs, { perPack: 8 });
  const workload = { ...G2NET, samples, chunkSize: 8, psdSamples: PSD_SAMPLES, concurrency: 1 };
  for (const [packed, store] of [
    [true, packs],
    [false, raw],
  ] as const) {
    const wanted = countRequests(workload, packed);
    const made = await countRun(store);
    assert.ok(Math.abs(made.gets - wanted.gets) <= 0.02 * made.gets, `${made.gets} GETs, not ${wanted.gets}`);
    const puts = wanted.puts + wanted.pages;
    assert.ok(Math.abs(made.puts - puts) <= 0.05 * made.puts, `${made.puts} PUTs, not ${puts}`);
  }
});

describe('the estimate and a simulated run of the real plan agree', () => {
  const samples = 40_000;
  const plans: Record<'packed' | 'unpacked', { shards: FleetChunk[]; psd: FleetChunk[] }> = {
    packed: { shards: [], psd: [] },
    unpacked: { shards: [], psd: [] },
  };
  const chunkOf = (refs: SampleRef[], calls: number, written: number): FleetChunk => ({
    calls,
    written,
    reads: [...planReads(refs)].map((read) => ({
      bytes: read.kind === 'range' ? read.length : Number.NaN,
      samples: read.refs.length,
    })),
  });

  before(async () => {
    const ids = Array.from({ length: samples }, (_, index) => sampleId(1, index)).sort();
    const labels = ids.map((id, index) => ({ id, target: (index % 2) as 0 | 1 }));
    const files = ids.map((id) => ({ key: sampleKey(id), size: 98_432 }));
    const memory = createMemoryStore();
    const rows = labels.map(({ id, target }) => `${id},${target}`);
    await memory.write('training_labels.csv', Buffer.from(['id,target', ...rows].join('\n')));
    const { packs } = planPacks(files, labels, G2NET.chunkSize);
    const byKey = new Map(packs.map((pack) => [pack.key, pack]));
    /** A store that has only the listing of objects, and the index of packs. */
    const hollow = (objects: { key: string; size: number }[]): ObjectStore => ({
      ...memory,
      async *list() {
        for (const object of objects) yield { ...object, etag: '' };
      },
      read: async (key, ...rest) => byKey.get(key)?.index ?? memory.read(key, ...rest),
    });
    for (const [layout, raw] of [
      ['packed', hollow(packs)],
      ['unpacked', hollow(files)],
    ] as const) {
      const records = createMemoryStore();
      const { chunkSize, psdSamples, dtype } = G2NET;
      const settings = { dataset: 'set', dtype, shardSize: chunkSize, psdSamples, seed: 1 };
      const plan = await needPlan({ raw, records }, settings);
      for (const index of plan.shards.keys()) {
        const refs = (await readShardChunk(records, shardListKey(plan.id, index))).map(({ ref }) => ref);
        plans[layout].shards.push(chunkOf(refs, 6, refs.length * 24_576));
      }
      for (let index = 0; index < plan.psdChunks; index += 1) {
        plans[layout].psd.push(chunkOf(await readPsdChunk(records, psdListKey(plan.id, index)), 4, 50_000));
      }
    }
  });

  const conditions = (day: Day, concurrency: number): FleetConditions => ({
    concurrency,
    environments: 100,
    atOnce: day === 'low' ? 1000 : 0,
    coldStart: CLOUD.coldStart[day],
    getRate: CLOUD.getRate[day],
    latency: CLOUD.latency[day],
    bandwidth: CLOUD.bandwidth[day],
    rate: G2NET.rate * CLOUD.core[day],
  });
  const mean = (concurrency: number): FleetConditions => {
    const [good, bad] = [conditions('low', concurrency), conditions('high', concurrency)];
    const names = Object.keys(good) as (keyof FleetConditions)[];
    return Object.fromEntries(
      names.map((name) => [name, (good[name] + bad[name]) / 2]),
    ) as unknown as FleetConditions;
  };

  for (const layout of ['packed', 'unpacked'] as const) {
    for (const concurrency of [4, 20, 200, 600]) {
      test(`${layout}, ${concurrency} chunks at once`, () => {
        const workload = { ...G2NET, samples, concurrency, fileConcurrency: concurrency };
        const { preprocessing } = estimateRun(workload, layout === 'packed', PRICES);
        const days = [conditions('low', concurrency), mean(concurrency), conditions('high', concurrency)];
        for (const [index, day] of days.entries()) {
          for (const stage of ['psd', 'shards'] as const) {
            const { wall } = simulateFleet(plans[layout][stage], day);
            const { low, high } = preprocessing.stages[stage];
            const [from, to] = [low - CLOUD.mapStart.low, high];
            assert.ok(
              wall >= from * 0.9 && wall <= to * 1.1,
              `${stage} ${index}: ${wall} s, not ${from} to ${to}`,
            );
          }
          const maps = (['psd', 'shards'] as const).map((stage) => simulateFleet(plans[layout][stage], day));
          const gbSeconds = maps.reduce((sum, { seconds }) => sum + seconds, 0) * CLOUD.memory.shards;
          const { low, high } = preprocessing.gbSeconds;
          assert.ok(
            gbSeconds >= low * 0.8 && gbSeconds <= high * 1.1,
            `${index}: ${gbSeconds} GB-s, not ${low} to ${high}`,
          );
        }
      });
    }
  }

  test('and do not agree for a run with a fifth of the functions', () => {
    const { high } = estimateRun({ ...G2NET, samples, concurrency: 20 }, true, PRICES).preprocessing.stages
      .shards;
    const { wall } = simulateFleet(plans.packed.shards, conditions('high', 4));
    assert.ok(wall > 1.1 * high, `${wall} s, at most ${high} s`);
  });
});

describe('prices', () => {
  test('from a file replace the built-in ones, and the cost changes with them', () => {
    const prices = parsePrices('{"date": "2030-01", "s3Get": 1}', 'prices.json');
    assert.deepEqual(prices, { ...PRICES, date: '2030-01', s3Get: 1 });
    const { cost, gets } = estimateRun(G2NET, true, prices).preprocessing;
    assert.ok(cost.low > gets && cost.low < gets + 1);
  });

  test('that are invalid are refused', () => {
    for (const text of ['', '[]', 'null', '{"s3get": 1}', '{"s3Get": "1"}', '{"s3Get": -1}', '{"date": 5}']) {
      assert.throws(() => parsePrices(text, 'prices.json'), SettingError, text);
    }
  });
});

test('the preprocessing rate of this machine can be measured', () => {
  const rate = measureRate();
  assert.ok(rate > 100 && rate < 1e6, `${rate} samples/s`);
});
