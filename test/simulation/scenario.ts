/** The events of a world, drawn from its seed, and the checks after them. */
import { ConflictError } from '../../src/core/errors.ts';
import { createTaskRunner } from '../../src/preprocess/chunk-task.ts';
import { runPlans } from '../../src/preprocess/local-run.ts';
import { withLease } from '../../src/preprocess/state/lease.ts';
import { parseMetadata } from '../../src/records/metadata.ts';
import { packTar } from '../support/tar.ts';
import { createBucket } from './bucket.ts';
import { type Cloud, createCloud, SETTINGS } from './cloud.ts';
import { checkRecords, type History, watchPublic } from './invariants.ts';
import { BASE, COUNT, labelsOf, type Samples, stackOf } from './samples.ts';
import { Killed, QUIET, type Rates, World } from './world.ts';

/** Features of a world; a shrunk world has fewer. */
const FEATURES = [
  'faults',
  'duplicates',
  'drag',
  'late',
  'extended',
  'fixed',
  'overwritten',
  'gone',
  'second',
  'cancelled',
  'removed',
  'local',
  'skewed',
  'repeated',
  'archived',
  'twin',
  'vanished',
  'contradicted',
  'shortened',
  'hands',
] as const;
export type Feature = (typeof FEATURES)[number];

const LIKELY: Record<Feature, number> = {
  faults: 0.75,
  duplicates: 0.5,
  drag: 0.5,
  late: 0.8,
  extended: 0.5,
  fixed: 0.35,
  overwritten: 0.3,
  gone: 0.15,
  second: 0.3,
  cancelled: 0.25,
  removed: 0.15,
  local: 0.3,
  skewed: 0.3,
  repeated: 0.2,
  archived: 0.4,
  twin: 0.25,
  vanished: 0.25,
  contradicted: 0.15,
  shortened: 0.2,
  hands: 0.2,
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

/** Runs the world of the seed to its end. The same seed and limits give the same trace. */
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

/** Mutes the functions, which log each answer. */
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
  const history: History = {
    whole: new Set(),
    ever: new Set(),
    objects: samples.keys.map((key) => new Set([key])),
    labelled: new Set(),
  };
  const early = watchPublic(records);
  const labelled = has.has('extended') ? BASE : COUNT;

  const put = async (key: string, bytes: Uint8Array) => {
    world.say(`the user uploads ${key}, ${bytes.length} bytes`);
    await raw.write(key, bytes);
    cloud.announce(key);
  };
  const note = (index: number, key: string, isWhole: boolean) => {
    history.objects[index]!.add(key);
    if (isWhole) {
      history.whole.add(index);
      history.ever.add(index);
    } else history.whole.delete(index);
  };
  const upload = async (index: number, bytes: Uint8Array) => {
    note(index, samples.keys[index]!, bytes.length === samples.bytes[index]!.length);
    await put(samples.keys[index]!, bytes);
  };
  const uploadTar = async (members: [number, Uint8Array][]) => {
    for (const keys of history.objects) keys.delete('late/some.tar');
    for (const [index, bytes] of members) {
      note(index, 'late/some.tar', bytes.length === samples.bytes[index]!.length);
    }
    const parts = members.map(([index, content]) => ({ name: `${samples.ids[index]}.npy`, content }));
    await put('late/some.tar', packTar(parts));
  };
  const uploadStack = async (indices: number[]) => {
    for (const index of indices) note(index, 'late/stack.npy', true);
    const files: [string, Uint8Array][] = [
      ['late/stack.npy', stackOf(samples, indices)],
      ['late/stack.ids.txt', encode(indices.map((index) => `${samples.ids[index]}\n`).join(''))],
    ];
    for (const file of world.chance(0.5) ? files : files.reverse()) {
      await put(...file);
      await wait(15);
    }
  };
  const broken = (index: number) => samples.bytes[index]!.subarray(0, 5000 + index);
  const wait = (seconds: number) => world.sleep(world.pick(seconds * 1000));
  let lines = labelled;
  const uploadLabels = async () => {
    const text = new TextDecoder().decode(labelsOf(samples, lines));
    const repeated = has.has('repeated') ? `${text.split('\n')[3]}\n` : '';
    // A contradiction in the last labelled sample; the next labels may resolve it.
    const isContradicted = has.has('contradicted') && world.chance(0.7);
    const other = isContradicted ? `${samples.ids[lines - 1]},${1 - samples.targets[lines - 1]!}\n` : '';
    for (let index = 0; index < lines - (isContradicted ? 1 : 0); index += 1) history.labelled.add(index);
    await raw.write('training_labels.csv', encode(text + repeated + other));
    world.say(`the user uploads labels of ${lines} samples${isContradicted ? ', one of them twice' : ''}`);
  };

  const vanishing = has.has('vanished') ? world.pick(3) : 0;
  for (let index = 0; index < BASE; index += 1) {
    const isBroken = (has.has('fixed') && index === 2) || (vanishing === 1 && index === 7);
    await upload(index, isBroken ? broken(index) : samples.bytes[index]!);
  }
  const uploadTwin = () => {
    const key = `twin/${samples.ids[6]}.npy`;
    history.objects[6]!.add(key);
    return put(key, samples.second[6]!);
  };
  const isEarly = has.has('twin') && world.chance(0.5);
  if (isEarly) await uploadTwin();
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
    for (let index = BASE; index < (has.has('archived') ? BASE + 1 : COUNT); index += 1) {
      await wait(8);
      await upload(index, samples.bytes[index]!);
    }
  });
  also('archived', async () => {
    await wait(30);
    await uploadTar([
      [10, samples.bytes[10]!],
      [11, broken(11)],
    ]);
    await uploadStack([12, 13]);
    await wait(30);
    if (world.chance(0.3)) await uploadTar([[10, samples.bytes[10]!]]);
    else {
      await uploadTar([
        [10, samples.bytes[10]!],
        [11, samples.bytes[11]!],
      ]);
    }
  });
  also('twin', async () => {
    await wait(40);
    if (!isEarly) await uploadTwin();
    else if (world.chance(0.5)) await upload(6, samples.bytes[6]!);
  });
  also('vanished', async () => {
    await wait(60);
    world.say(`${samples.keys[7]} is removed for good`);
    await raw.remove(samples.keys[7]!);
    await runUntilDone();
  });
  also('shortened', async () => {
    await wait(40);
    const all = lines;
    lines = 3 + world.pick(lines - 3);
    await uploadLabels();
    await runUntilDone();
    lines = all;
    await wait(20);
    if (world.chance(0.5)) {
      await uploadLabels();
      await runUntilDone();
    }
  });
  also('hands', async () => {
    await wait(60);
    const file = ['metadata.json', 'rejected.csv', 'avg_psd.npz'][world.pick(3)]!;
    world.say(`the user removes ${file}`);
    await records.remove(file);
  });
  also('extended', async () => {
    await wait(25);
    lines = COUNT;
    await uploadLabels();
    await runUntilDone();
  });
  also('fixed', async () => {
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
    world.say(`${key} is missing for a while`);
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
  // Once everything is quiet, the user redrives failed runs.
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
  // With two uploads at once, either may be the last.
  violations.push(...(await checkRecords(samples, raw, records, history)));
  // One more run changes nothing, once the calls of earlier runs have ended.
  await world.settle();
  const before = snapshot(records.objects);
  await cloud.run();
  if (snapshot(records.objects) !== before)
    violations.push('CHANGED: another run of finished records changed them');
  if (has.has('hands')) violations.push(...(await removeShard(world, cloud, before)));
  return violations;
}

/** Removes a shard of finished records, and copies it back. */
async function removeShard(world: World, cloud: Cloud, before: string): Promise<string[]> {
  const { records, run } = cloud;
  const { bytes: metadata } = records.objects.get('metadata.json')!;
  const { shards } = parseMetadata(metadata, 'metadata.json');
  const { name } = shards[world.pick(shards.length)]!;
  const { bytes } = records.objects.get(name)!;
  await records.remove(name);
  const wrong = (await run()) ? [`SILENT: a run without ${name} reports nothing`] : [];
  await records.write(name, bytes);
  if (!(await run())) wrong.push(`STUCK: a run after ${name} was copied back fails: ${cloud.failure}`);
  if (snapshot(records.objects) !== before)
    wrong.push('CHANGED: removing a shard and copying it back changed the records');
  return wrong;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function snapshot(objects: ReadonlyMap<string, { etag: string }>): string {
  return JSON.stringify([...objects].map(([key, { etag }]) => [key, etag]).sort());
}

async function runLocally(world: World, { raw, records, bugs }: Cloud, skewed: boolean): Promise<void> {
  const skew = skewed ? (world.chance(0.5) ? 3_600_000 : -3_600_000) : 0;
  const { trainAfterRun: _, maxRejected, ...settings } = SETTINGS;
  for (let tries = 1; tries <= 3; tries += 1) {
    const name = `laptop${tries}`;
    try {
      await world.spawn(
        name,
        async (proc) => {
          const run = createTaskRunner({ raw, records });
          // The calls that it started end with it.
          const end = () => {
            proc.dead = true;
          };
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
          ).finally(end);
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
