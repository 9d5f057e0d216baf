import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { createChunk } from '../../functions/chunk.ts';
import { createFinalize } from '../../functions/finalize.ts';
import { createPlan } from '../../functions/plan.ts';
import { measureRate } from '../../src/cloud/estimate/measured-rate.ts';
import { GPU_HOURS, PRICES, parsePrices } from '../../src/cloud/estimate/prices.ts';
import {
  ALARMS,
  type Estimate,
  estimateRun,
  JOB_DISK,
  MEMORY,
  type Range,
  type Workload,
} from '../../src/cloud/estimate/run-estimate.ts';
import { uploadFolder } from '../../src/cloud/upload/uploader.ts';
import { SettingError } from '../../src/core/errors.ts';
import { readPlan } from '../../src/preprocess/plan/plan.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { writeDataset } from '../support/dataset.ts';
import { createMemoryStore } from '../support/memory-store.ts';

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
  const within = ({ low, high }: Range, value: number) => low <= value && value <= high;

  test('has the objects and requests of the published table', () => {
    assert.deepEqual([packed.upload.objects, packed.upload.puts], [547, 8205]);
    assert.deepEqual([unpacked.upload.objects, unpacked.upload.puts], [560_000, 560_000]);
    const requests = ({ preprocessing: { gets, puts } }: Estimate) => gets + puts;
    assert.equal(Math.round(requests(packed) / 100) * 100, 23_400);
    assert.equal(Math.round(requests(unpacked) / 100) * 100, 575_700);
  });

  test('unpacked: takes at least as long as S3 needs for the requests, 5,500 a second for a prefix', () => {
    const { stages, boundBy } = unpacked.preprocessing;
    const least = 560_000 / 5500;
    assert.ok(stages.shards.low > least && stages.shards.low < 1.1 * least);
    assert.equal(boundBy, 'requests');
    assert.equal(packed.preprocessing.boundBy, 'functions');
    assert.ok(packed.preprocessing.wall.high < stages.shards.low);
  });

  test('with one function takes at least as long as one core and one connection need', () => {
    const { stages, gbSeconds } = estimateRun({ ...G2NET, concurrency: 1 }, true, PRICES).preprocessing;
    // 98,432 bytes a sample at 75 MB/s, the figure published for a function of this size, are slower than one core.
    const seconds = (560_000 * 98_432) / 75e6;
    assert.ok(within(stages.shards, 1.5 * seconds));
    assert.ok(within(gbSeconds, (1.5 * seconds * 1769) / 1024));
    const slow = estimateRun({ ...G2NET, concurrency: 1, rate: 100 }, true, PRICES).preprocessing;
    assert.ok(within(slow.stages.shards, 1.5 * (560_000 / 100)));
  });

  test('costs what S3 asks for the requests, and no more than a dollar on top', () => {
    assert.ok(within(unpacked.upload.cost, 560_000 * 5e-6 + 0.4));
    const { cost, gets, puts } = unpacked.preprocessing;
    const requests = gets * 0.4e-6 + puts * 5e-6;
    assert.ok(cost.low > requests && cost.high < requests + 1);
    assert.ok(unpacked.upload.cost.low > 50 * packed.upload.cost.high);
  });

  test('unpacked: more functions than the bucket can serve cost more and save no time', () => {
    const { enough, wall, cost } = unpacked.preprocessing;
    assert.ok(enough >= G2NET.fileConcurrency && enough < 2 * G2NET.fileConcurrency, `${enough} functions`);
    const more = estimateRun({ ...G2NET, fileConcurrency: 200 }, false, PRICES).preprocessing;
    assert.ok(more.cost.high > 2 * cost.high);
    assert.deepEqual(more.wall, wall);
  });

  test('single files use the smaller of the two concurrencies, packs only the first', () => {
    const costs = (concurrency: number, fileConcurrency: number, isPacked: boolean) =>
      estimateRun({ ...G2NET, concurrency, fileConcurrency }, isPacked, PRICES).preprocessing;
    assert.equal(costs(600, 24, false).concurrency, 24);
    assert.equal(costs(20, 24, false).concurrency, 20);
    assert.notDeepEqual(costs(200, 10, false), costs(200, 24, false));
    assert.deepEqual(costs(200, 10, true), costs(200, 24, true));
  });

  test('low is never above high, and twice the samples never take less', () => {
    for (const isPacked of [true, false]) {
      for (const samples of [1, 100, 1024, 10_000, 560_000]) {
        const one = estimateRun({ ...G2NET, samples }, isPacked, PRICES);
        const two = estimateRun({ ...G2NET, samples: 2 * samples }, isPacked, PRICES);
        const ranges = ({ preprocessing: p, upload, training }: Estimate) => [
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

  test('trains for the price of a spot host at least, and of the dearest host with disk and address at most', () => {
    const { hours, start, cost } = packed.training!;
    const disk = (100 * 0.08) / 730;
    // The shards of the dataset and the image, at 125 MB/s.
    assert.ok(within(start, 5 / 60) && within(start, 10 / 60), JSON.stringify(start));
    const equal = (found: number, needed: number) => assert.ok(Math.abs(found - needed) < 1e-9, `$${found}`);
    equal(cost.low, (hours.low + start.low) * (0.2 + disk + 0.005));
    equal(cost.high, (hours.high + start.high) * (1.006 + disk + 0.005));
    const double = estimateRun({ ...G2NET, dtype: 'float32' }, true, PRICES);
    assert.ok(double.training!.start.low > start.low + 100 / 3600);
    assert.deepEqual(double.training!.hours, hours);
  });

  test('costs little in a month in which nothing runs, besides the storage', () => {
    const { idle, storage } = packed.month;
    assert.ok(within(idle, 1) && idle.high < 2, JSON.stringify(idle));
    // 55 GB of raw samples, 14 GB of records.
    assert.ok(Math.abs(storage - (69 / 1.074) * 0.023) < 0.02, `$${storage}`);
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
  await createChunk('reduce', open)({ dataset: 'set', plan: id }, context);
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
    const { gets, puts } = estimateRun(workload, packed, PRICES).preprocessing;
    const made = await countRun(store);
    assert.ok(Math.abs(made.gets - gets) <= 0.02 * made.gets, `${made.gets} GETs, not ${gets}`);
    assert.ok(Math.abs(made.puts - puts) <= 0.05 * made.puts, `${made.puts} PUTs, not ${puts}`);
  }
});

test('the memory of each function is the one in serverless.yml', () => {
  const { functions } = parse(readFileSync('serverless.yml', 'utf8')) as {
    functions: Record<string, { memorySize: number }>;
  };
  for (const [name, memory] of Object.entries(MEMORY)) {
    assert.equal(memory, functions[name]!.memorySize / 1024, name);
  }
});

test('disk, alarms and types of hosts are those of the stages', () => {
  for (const stage of ['dev', 'prod']) {
    const text = readFileSync(`infra/stages/${stage}.yml`, 'utf8');
    const { jobDisk, instanceTypes } = parse(text, { logLevel: 'error' });
    assert.equal(jobDisk, JOB_DISK);
    assert.deepEqual(instanceTypes, Object.keys(GPU_HOURS));
  }
  const { Resources } = parse(readFileSync('infra/alarms.yml', 'utf8'), { logLevel: 'error', merge: true });
  const types = Object.values(Resources as Record<string, { Type: string }>).map(({ Type }) => Type);
  assert.equal(types.filter((type) => type === 'AWS::CloudWatch::Alarm').length, ALARMS);
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
