/**
 * Benchmark of the emulated cloud of this machine: start, deployment, late samples one by one, and a whole dataset through the
 * state machine, compared with the local runner. Both read from and write to the same bucket, and run in turns.
 *
 *   npm run bench -- cloud [--json] [--samples N] [--emulator ministack|localstack]
 *
 * The benchmark starts its own emulator in a temporary folder on free ports. It checks that both ways make the same shards. The
 * state machine is timed from StartExecution until a waiting client sees its end, the local runner as a whole command.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { CloudWatchLogsClient, paginateFilterLogEvents } from '@aws-sdk/client-cloudwatch-logs';
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { createCloud } from '../infra/local/cloud.ts';
import { readEmulatorName } from '../infra/local/emulators.ts';
import { locateDataset } from '../src/cloud/dataset.ts';
import { openStage } from '../src/cloud/deployed-stage.ts';
import { executionName } from '../src/cloud/executions.ts';
import { listRuns } from '../src/cloud/runs.ts';
import { uploadFolder } from '../src/cloud/upload/uploader.ts';
import { SAMPLE_SIZE } from '../src/core/strain.ts';
import { encodeNpy, parseNpy } from '../src/numpy/npy.ts';
import { parseLabels } from '../src/raw/labels.ts';
import { type Metadata, parseMetadata } from '../src/records/metadata.ts';
import { sampleKey } from '../src/simulate/layout.ts';
import { createFileStore } from '../src/storage/file/file-store.ts';
import { openStore } from '../src/storage/open.ts';
import type { ObjectStore } from '../src/storage/store.ts';
import { findPort, setEnvironment } from '../test/support/emulator.ts';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    samples: { type: 'string', default: '4096' },
    emulator: { type: 'string' },
  },
  // Options of other benchmarks are ignored.
  strict: false,
});
const SAMPLES = Number(flags.samples);
const chosen = typeof flags.emulator === 'string' ? flags.emulator : process.env.CHIRPLINE_TEST_EMULATOR;
const EMULATOR = readEmulatorName(chosen);
const ROUNDS = 3;
/** Default shard size of the stage `local`, and that of stages on AWS. */
const SHARD_SIZE = 256;
const LARGE_SHARDS = 1024;
const PACK = 1024;
/** Samples of the dataset before late samples arrive, and samples of each late stack. */
const FIRST = 64;
const STACK = 256;
const SINGLES = 5;
const STACKS = 3;
const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
/** Polling interval [ms]. */
const PAUSE = 20;

const folder = mkdtempSync(join(tmpdir(), 'chirpline-bench-'));
const cloud = createCloud({
  folder: join(folder, 'cloud'),
  port: await findPort(),
  agentPort: await findPort(),
  runner: 'process',
  persist: false,
  emulator: EMULATOR,
});
const restore = setEnvironment(cloud.env);
const samples = createFileStore(join(folder, 'raw'));
try {
  await chirpline('simulate', join(folder, 'raw'), '--samples', String(SAMPLES), '--seed', '1');
  const up = await time(() => cloud.up());
  const deploy = await time(() => cloud.deploy());
  const stage = await openStage('local');
  const sfn = new SFNClient({});
  const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });

  const single = await measureArrivals();
  const files = await race('files', 1);
  const packs = await race('packs', PACK);
  await cloud.deploy({ CHIRPLINE_SHARD_SIZE: String(LARGE_SHARDS) });
  const memory = await measureMemory();
  const result = { emulator: EMULATOR, samples: SAMPLES, up, deploy, ...single, files, packs, memory };
  if (flags.json) console.log(JSON.stringify(result, undefined, 2));
  else print(result);

  /** Time from the start of an upload until the samples are in the records [s]. */
  async function measureArrivals(): Promise<{ sample: number; stack: number }> {
    const { raw, records } = open('late');
    const { labels } = parseLabels(await samples.read('training_labels.csv'), 'training_labels.csv');
    const needed = FIRST + 1 + SINGLES + (1 + STACKS) * STACK;
    if (labels.length < needed) throw new Error(`--samples ${SAMPLES}: needed at least ${needed}`);
    const copy = async (id: string) => raw.write(sampleKey(id), await samples.read(sampleKey(id)));
    const name = async (count: number) => {
      const rows = labels.slice(0, count).map(({ id, target }) => `${id},${target}`);
      await raw.write('training_labels.csv', encode(`id,target\n${rows.join('\n')}\n`));
    };
    for (const { id } of labels.slice(0, FIRST)) await copy(id);
    await name(FIRST);
    await waitForRuns('late', 1);
    await name(needed);
    await waitForRuns('late', 2);
    let done = FIRST;
    const arrive = (count: number, upload: () => Promise<unknown>) =>
      time(async () => {
        await upload();
        done += count;
        await waitFor(async () => (await readMetadata(records)).n_samples === done);
      });
    const ones: number[] = [];
    for (let index = 0; index <= SINGLES; index += 1) {
      const { id } = labels[done]!;
      ones.push(await arrive(1, () => copy(id)));
    }
    const stacks: number[] = [];
    for (let index = 0; index <= STACKS; index += 1) {
      const ids = labels.slice(done, done + STACK).map(({ id }) => id);
      const bytes = await stackUp(ids);
      await raw.write(`stack-${index}.ids.txt`, encode(ids.map((id) => `${id}\n`).join('')));
      stacks.push(await arrive(STACK, () => raw.write(`stack-${index}.npy`, bytes)));
    }
    // The first of each includes the cold start of the function.
    return { sample: median(ones.slice(1)), stack: median(stacks.slice(1)) };
  }

  /** Times both ways in turns. The first run of each isn't counted; for the state machine the upload starts it. */
  async function race(dataset: string, perPack: number) {
    const { raw, records } = open(dataset);
    await uploadFolder(samples, raw, { perPack });
    await waitForRuns(dataset, 1);
    await waitFor(isQuiet);
    const others = openStore(`s3://${stage.bucket}/local/${dataset}`);
    const runLocally = () =>
      time(() =>
        chirpline(
          ...['preprocess', raw.location, others.location, '--dataset', dataset],
          ...['--shard-size', String(SHARD_SIZE), '--max-rejected', '0.1'],
        ),
      );
    await runLocally();
    const rounds: { stateMachine: number; local: number; ratio: number }[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      await Promise.all([empty(records), empty(others)]);
      const taken = { stateMachine: 0, local: 0 };
      const machine = async () => {
        taken.stateMachine = await time(() => runStateMachine(dataset, `round ${round}`));
      };
      const local = async () => {
        taken.local = await runLocally();
      };
      for (const way of round % 2 === 0 ? [machine, local] : [local, machine]) await way();
      compare(await readMetadata(records), await readMetadata(others));
      rounds.push({ ...taken, ratio: taken.stateMachine / taken.local });
    }
    await empty(others);
    return { rounds, ratio: median(rounds.map(({ ratio }) => ratio)) };
  }

  /** Peak memory of each function with shards of 1,024 samples [MB]. */
  async function measureMemory(): Promise<Record<string, number>> {
    const startTime = Date.now();
    for (const dataset of ['files', 'packs']) {
      await empty(open(dataset).records);
      await runStateMachine(dataset, 'large shards');
    }
    const logs = new CloudWatchLogsClient({});
    const peaks: Record<string, number> = {};
    for (const name of ['plan', 'psd', 'shard']) {
      const logGroupName = `/aws/lambda/chirpline-local-${name}`;
      for await (const { events = [] } of paginateFilterLogEvents(
        { client: logs },
        { logGroupName, startTime },
      )) {
        for (const { message = '' } of events) {
          const peak = Number(/"peakMemoryMB":(\d+)/.exec(message)?.[1] ?? 0);
          peaks[name] = Math.max(peaks[name] ?? 0, peak);
        }
      }
    }
    return peaks;
  }

  async function runStateMachine(dataset: string, cause: string): Promise<void> {
    const { executionArn } = await sfn.send(
      new StartExecutionCommand({
        stateMachineArn: stage.stateMachine,
        name: executionName(dataset, cause),
        input: JSON.stringify({ dataset }),
      }),
    );
    const status = await waitFor(async () => {
      const { status } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
      return status === 'RUNNING' ? undefined : status;
    });
    if (status !== 'SUCCEEDED') throw new Error(`the run of ${dataset} ended with ${status}`);
  }

  async function waitForRuns(dataset: string, count: number): Promise<void> {
    const runs = await waitFor(async () => {
      const found = await listRuns(sfn, stage.stateMachine, count, dataset);
      return found.length === count && found.every(({ state }) => state !== 'RUNNING') && found;
    });
    const failed = runs.find(({ state }) => state !== 'SUCCEEDED');
    if (failed !== undefined) throw new Error(`the run of ${dataset} failed: ${failed.reason}`);
  }

  /** Whether all upload events are processed. */
  async function isQuiet(): Promise<boolean> {
    const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
    const counts = await Promise.all(
      stage.queues.map(async ({ url }) => {
        const { Attributes } = await sqs.send(
          new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: [...names] }),
        );
        return names.reduce((sum, name) => sum + Number(Attributes?.[name]), 0);
      }),
    );
    return counts.every((count) => count === 0);
  }

  function open(dataset: string): { raw: ObjectStore; records: ObjectStore } {
    const { raw, records } = locateDataset(stage.bucket, dataset);
    return { raw: openStore(raw), records: openStore(records) };
  }
} finally {
  await cloud.down();
  restore();
  rmSync(folder, { recursive: true, force: true });
}

interface Race {
  rounds: { stateMachine: number; local: number; ratio: number }[];
  ratio: number;
}

function print(result: {
  up: number;
  deploy: number;
  sample: number;
  stack: number;
  files: Race;
  packs: Race;
  memory: Record<string, number>;
}): void {
  const { up, deploy, sample, stack, memory } = result;
  console.log(`${EMULATOR}; seconds, and the goal`);
  for (const [what, seconds, goal] of [
    ['up', up, '< 10'],
    ['deploy', deploy, '< 30'],
    [`a sample uploaded -> shard and metadata, median of ${SINGLES}`, sample, ''],
    [`a stack of ${STACK} uploaded -> the same, median of ${STACKS}`, stack, '< 1'],
  ] as const)
    console.log(`  ${what.padEnd(62)}${seconds.toFixed(2).padStart(7)}  ${goal}`);
  console.log(`\n${SAMPLES} samples, shards of ${SHARD_SIZE}: state machine / local runner [s], in turns`);
  for (const [name, { rounds, ratio }] of [
    ['single files', result.files],
    [`packs of ${PACK}`, result.packs],
  ] as const) {
    const each = rounds.map(
      (round) => `${round.stateMachine.toFixed(1)}/${round.local.toFixed(1)} = ${round.ratio.toFixed(2)}`,
    );
    console.log(`  ${name.padEnd(20)}${each.join(', ')}; median ${ratio.toFixed(2)}, goal <= 1.5`);
  }
  const peaks = Object.entries(memory).map(([name, megabytes]) => `${name} ${megabytes}`);
  console.log(`\nmemory of the functions, shards of ${LARGE_SHARDS} [MB]: ${peaks.join(', ')}; goal < 512`);
}

/** Throws unless both made the same shards. */
function compare({ shards }: Metadata, other: Metadata): void {
  if (JSON.stringify(shards) !== JSON.stringify(other.shards)) throw new Error('the shards differ');
}

async function readMetadata(records: ObjectStore): Promise<Metadata> {
  return parseMetadata(await records.read('metadata.json'), 'metadata.json');
}

/** Stacks the samples of single files into one array. */
async function stackUp(ids: string[]): Promise<Uint8Array> {
  const data = new Float64Array(ids.length * SAMPLE_SIZE);
  for (const [index, id] of ids.entries()) {
    data.set(parseNpy(await samples.read(sampleKey(id)), id).data as Float64Array, index * SAMPLE_SIZE);
  }
  return encodeNpy({ dtype: '<f8', shape: [ids.length, 3, SAMPLE_SIZE / 3], data });
}

async function empty(store: ObjectStore): Promise<void> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  await Promise.all(keys.map((key) => store.remove(key)));
}

/** Not execFileSync, which would block this process's connections to the emulator. */
async function chirpline(...args: string[]): Promise<void> {
  await promisify(execFile)(process.execPath, [MAIN, ...args]);
}

/** Polls until the result is neither false nor undefined. */
async function waitFor<T>(poll: () => Promise<T | false | undefined>): Promise<T> {
  for (;;) {
    const found = await poll();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

/** Duration of the work [s]. */
async function time(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
