/** What happens in a world: drawn from its seed, then checked. */
import { ConflictError } from '../../src/errors.ts';
import { withLease } from '../../src/pipeline/lease.ts';
import { runPlans } from '../../src/pipeline/local.ts';
import { createTaskRunner } from '../../src/pipeline/task.ts';
import { createBucket } from './bucket.ts';
import { type Cloud, createCloud, SETTINGS } from './cloud.ts';
import { checkRecords, type History, watchPublic } from './invariants.ts';
import { BASE, COUNT, labelsOf, type Samples } from './samples.ts';
import { Killed, QUIET, type Rates, World } from './world.ts';

/** Features of a world; a shrunken one has fewer. */
export const FEATURES = [
  'faults',
  'duplicates',
  'drag',
  'late',
  'extended',
  'mended',
  'overwritten',
  'gone',
  'second',
  'cancelled',
  'removed',
  'local',
  'skewed',
  'repeated',
] as const;
export type Feature = (typeof FEATURES)[number];

const LIKELY: Record<Feature, number> = {
  faults: 0.75,
  duplicates: 0.5,
  drag: 0.5,
  late: 0.8,
  extended: 0.5,
  mended: 0.35,
  overwritten: 0.3,
  gone: 0.15,
  second: 0.3,
  cancelled: 0.25,
  removed: 0.15,
  local: 0.3,
  skewed: 0.3,
  repeated: 0.2,
};

export interface Outcome {
  violations: string[];
  features: Feature[];
  /** Numbers of the faults that happened. */
  faults: number[];
  trace: string[];
}

export interface Limits {
  features?: readonly Feature[];
  muted?: ReadonlySet<number>;
}

/** Runs the world of that seed to its end. The same seed and limits give the same trace. */
export async function simulate(
  samples: Samples,
  seed: number,
  { features, muted }: Limits = {},
): Promise<Outcome> {
  const world = new World(seed, muted);
  const drawn = FEATURES.filter((feature) => world.chance(LIKELY[feature]));
  const level = 1 + world.pick(3);
  const has = new Set(features ?? drawn);
  const restore = world.take();
  const quiet = silence();
  try {
    const violations = await live(world, samples, has, level);
    return { violations, features: [...has], faults: world.fired, trace: world.trace };
  } finally {
    world.end();
    quiet();
    restore();
  }
}

/** Functions write a log line for each answer. */
function silence(): () => void {
  const { log, error } = console;
  console.log = () => {};
  console.error = () => {};
  return () => Object.assign(console, { log, error });
}

const FOREVER = 3 * 86_400_000;

async function live(
  world: World,
  samples: Samples,
  has: ReadonlySet<Feature>,
  level: number,
): Promise<string[]> {
  const rates: Rates = has.has('faults')
    ? { kill: 0.002 * level, fail: 0.002 * level, ownPrecondition: 0.02 * level, lostReply: 0.04 * level }
    : QUIET;
  world.rates = rates;
  const raw = createBucket(world, 'raw/d');
  const records = createBucket(world, 'records/d');
  const cloud = createCloud(world, raw, records, {
    duplicates: has.has('duplicates') ? 0.3 : 0,
    drag: has.has('drag') ? [2_000, 60_000, 1_200_000][world.pick(3)]! : 0,
  });
  const history: History = { whole: new Set(), ever: new Set() };
  const early = watchPublic(records);
  const labelled = has.has('extended') ? BASE : COUNT;

  const upload = async (index: number, bytes: Uint8Array) => {
    const key = samples.keys[index]!;
    world.say(`the user uploads ${key}, ${bytes.length} bytes`);
    await raw.write(key, bytes);
    const isWhole = bytes.length === samples.bytes[index]!.length;
    if (isWhole) {
      history.whole.add(index);
      history.ever.add(index);
    } else history.whole.delete(index);
    cloud.announce(key);
  };
  const broken = (index: number) => samples.bytes[index]!.subarray(0, 5000 + index);
  const wait = (seconds: number) => world.sleep(world.pick(seconds * 1000));
  let lines = labelled;
  const uploadLabels = async () => {
    const text = labelsOf(samples, lines);
    const row = new TextDecoder().decode(text).split('\n')[3]!;
    const repeated = has.has('repeated') ? new TextEncoder().encode(`${row}\n`) : new Uint8Array(0);
    await raw.write('training_labels.csv', Buffer.concat([text, repeated]));
    world.say(`the user uploads labels of ${lines} samples`);
  };

  for (let index = 0; index < BASE; index += 1) {
    await upload(index, has.has('mended') && index === 2 ? broken(index) : samples.bytes[index]!);
  }
  await uploadLabels();
  const deliveries = cloud.deliver();
  const runs: Promise<unknown>[] = [];
  const runUntilDone = async () => {
    for (let tries = 0; tries < 3 && !(await cloud.run()); tries += 1) await wait(10);
  };
  runs.push(runUntilDone());
  const also = (feature: Feature, what: () => Promise<unknown>) => {
    if (has.has(feature)) runs.push(what());
  };
  also('late', async () => {
    for (let index = BASE; index < COUNT; index += 1) {
      await wait(8);
      await upload(index, samples.bytes[index]!);
    }
  });
  also('extended', async () => {
    await wait(25);
    lines = COUNT;
    await uploadLabels();
    await runUntilDone();
  });
  also('mended', async () => {
    await wait(30);
    await upload(2, samples.bytes[2]!);
  });
  also('overwritten', async () => {
    const versions = [
      [broken(4), samples.bytes[4]!],
      [samples.second[4]!],
      [broken(4), samples.second[4]!, samples.bytes[4]!],
    ][world.pick(3)]!;
    for (const version of versions) {
      await wait(15);
      await upload(4, version);
    }
  });
  also('gone', async () => {
    await wait(15);
    const key = samples.keys[5]!;
    world.say(`${key} is away`);
    await raw.remove(key);
    await wait(5);
    await upload(5, samples.bytes[5]!);
  });
  also('second', async () => {
    await wait(20);
    await cloud.run();
  });
  also('cancelled', async () => {
    await wait(20);
    cloud.cancel();
    await wait(5);
    await uploadLabels();
    await runUntilDone();
  });
  also('removed', async () => {
    await wait(40);
    cloud.cancel();
    world.say('the user removes the records');
    for (const key of [...records.objects.keys()]) await records.remove(key);
    await runUntilDone();
  });
  also('local', async () => {
    await wait(20);
    await runLocally(world, cloud, has.has('skewed'));
  });

  const violations: string[] = [];
  const inTime = async <T>(what: string, promise: Promise<T>): Promise<T | undefined> => {
    const late = Symbol('late');
    const first = await Promise.race([promise, world.sleep(FOREVER).then(() => late)]);
    if (first !== late) return first as T;
    violations.push(`STUCK: ${what}`);
    return undefined;
  };
  await inTime('the runs never end', Promise.all(runs));
  world.calm();
  await inTime('functions never end', world.settle());
  // The user redrives what failed, once everything is quiet.
  let done = false;
  for (let tries = 0; tries < 3 && !done; tries += 1) done = (await inTime('redrive', cloud.run())) === true;
  if (!done) violations.push(`STUCK: a redrive without faults fails: ${cloud.failure}`);
  cloud.end();
  await inTime('messages are never done', deliveries);
  for (let tries = 0; tries < 3 && cloud.redrive() > 0; tries += 1)
    await inTime('dead letters', cloud.deliver());
  if (cloud.redrive() > 0) violations.push('LOST: messages are dead letters for good');
  violations.push(...cloud.bugs.map((bug) => `BUG: ${bug}`), ...early());
  if (violations.length > 0) return violations;
  // Of two uploads at once either may be the last.
  const file = new TextDecoder().decode(raw.objects.get('training_labels.csv')!.bytes);
  const named = samples.ids.filter((id) => file.includes(id)).length;
  violations.push(...(await checkRecords(samples, raw, records, history, named)));
  // Once more changes nothing.
  const before = snapshot(records.objects);
  await cloud.run();
  if (snapshot(records.objects) !== before)
    violations.push('CHANGED: another run of finished records changed them');
  return violations;
}

function snapshot(objects: ReadonlyMap<string, { etag: string }>): string {
  return JSON.stringify([...objects].map(([key, { etag }]) => [key, etag]).sort());
}

async function runLocally(world: World, { raw, records, bugs }: Cloud, skewed: boolean): Promise<void> {
  const skew = skewed ? (world.chance(0.5) ? 3_600_000 : -3_600_000) : 0;
  const { train: _, maxRejected, ...settings } = SETTINGS;
  for (let tries = 1; tries <= 3; tries += 1) {
    const name = `laptop${tries}`;
    try {
      await world.spawn(
        name,
        async () => {
          const run = createTaskRunner({ raw, records });
          await withLease(
            records,
            { observer: { say: (line) => world.say(`${name}: ${line}`) } },
            (token, stop) =>
              runPlans(
                { raw, records },
                { ...settings, dataset: 'd' },
                token,
                { maxRejected, stop },
                (step, plan, index) => run({ step, plan, index }, stop),
              ),
          );
          world.say(`${name} is done`);
        },
        { skew, drag: world.chance(0.3) ? 120_000 : 0 },
      );
      return;
    } catch (error) {
      const { name: kind, message } = error as Error;
      world.say(`${name} ends with ${kind}: ${message}`);
      if (!(error instanceof Killed) && !('exitCode' in (error as object)))
        bugs.push(`${name}: ${(error as Error).stack}`);
      if (error instanceof ConflictError && kind === 'ConflictError') return;
    }
  }
}
