/** Functions, queue and state machine on a world's buckets, as in AWS: delivery at least once, in any order, with zombies. */

import { createChunk } from '../../functions/chunk.ts';
import type { OpenDataset } from '../../functions/environment.ts';
import { createFinalize } from '../../functions/finalize.ts';
import { createIngest } from '../../functions/ingest.ts';
import { createPlan } from '../../functions/plan.ts';
import { ChirplineError } from '../../src/core/errors.ts';
import { s3Event, sqsEvent } from '../functions/events.ts';
import type { Bucket } from './bucket.ts';
import { execute } from './state-machine.ts';
import { Killed, type World } from './world.ts';

export const SETTINGS = {
  dtype: 'float16' as const,
  shardSize: 4,
  psdSamples: 100,
  seed: 1,
  maxRejected: 0.9,
  trainAfterRun: false,
};

/** Time limit of a function [ms], and how often a message is delivered before it is a dead letter. */
const TIMEOUT = 300_000;
const DELIVERIES = 40;
const VISIBILITY = 10_000;

class Lost extends Error {
  override name = 'Sandbox.Timedout';
}

export interface Cloud {
  raw: Bucket;
  records: Bucket;
  /** Runs the state machine; resolves to whether it succeeded. */
  run(): Promise<boolean>;
  /** Ends the running executions, as `chirpline cancel` does; running functions continue. */
  cancel(): void;
  /** Sends the event of a raw object that was written. */
  announce(key: string): void;
  /** Delivers messages until `end` is called and none is left. */
  deliver(): Promise<void>;
  end(): void;
  /** Sends dead letters again. */
  redrive(): number;
  /** Errors that aren't messages for the user: bugs. */
  bugs: string[];
  /** Why the latest run failed. */
  failure: string;
}

export interface Habits {
  /** Probability that a call is made twice. */
  duplicates: number;
  /** How long functions are sometimes slow or frozen, at most [ms]. */
  drag: number;
}

type Handler = (input: never, context: { getRemainingTimeInMillis(): number }) => Promise<unknown>;

export function createCloud(world: World, raw: Bucket, records: Bucket, habits: Habits): Cloud {
  const running = new Set<string>();
  const open: OpenDataset = () => ({ raw, records, models: records });
  const makers: Record<string, () => Handler> = {
    Plan: () =>
      createPlan(
        open,
        () => SETTINGS,
        async (execution) => running.has(execution),
      ) as Handler,
    Psd: () => createChunk('psd', open) as Handler,
    Shard: () => createChunk('shard', open) as Handler,
    Reduce: () => createChunk('reduce', open) as Handler,
    Finalize: () => createFinalize(open, () => SETTINGS.maxRejected) as Handler,
    Ingest: () => createIngest(open) as unknown as Handler,
  };
  const warm = new Map<string, Handler[]>();
  const bugs: string[] = [];
  let calls = 0;
  let executions = 0;

  /** One call. Its answer may be lost while the call continues. */
  async function invoke(name: string, input: unknown): Promise<unknown> {
    const environments = warm.get(name) ?? [];
    warm.set(name, environments);
    const reused = environments.length > 0 && world.chance(0.7);
    const handler = reused ? environments.splice(world.pick(environments.length), 1)[0]! : makers[name]!();
    const call = `${name}#${++calls}`;
    const drag = world.chance(0.3) ? habits.drag : 0;
    const answer = world.spawn(
      call,
      async (proc) => {
        const deadline = world.time + TIMEOUT;
        void world.sleep(TIMEOUT).then(() => proc.kill());
        world.say(`${call} begins ${JSON.stringify(input).slice(0, 200)}`);
        return handler(input as never, { getRemainingTimeInMillis: () => deadline - world.time });
      },
      { drag },
    );
    answer.then(
      (value) => {
        world.say(`${call} answers ${JSON.stringify(value)?.slice(0, 200)}`);
        environments.push(handler);
      },
      (error: Error) => {
        if (error instanceof Killed) return;
        world.say(`${call} throws ${error.name}: ${error.message.slice(0, 300)}`);
        environments.push(handler);
        if (!(error instanceof ChirplineError)) bugs.push(`${call}: ${error.stack}`);
      },
    );
    if (!world.losesReply()) return answer;
    return Promise.race([answer, world.sleep(world.pick(3000)).then(() => Promise.reject(new Lost(call)))]);
  }

  async function invokeAtLeastOnce(name: string, input: unknown): Promise<unknown> {
    if (!world.isCalm && world.chance(habits.duplicates)) {
      void world
        .sleep(world.pick(2000))
        .then(() => invoke(name, input))
        .catch(() => {});
    }
    return invoke(name, input);
  }

  async function run(): Promise<boolean> {
    const execution = `arn:run${++executions}`;
    running.add(execution);
    try {
      await execute(
        { dataset: 'd' },
        {
          execution,
          invoke: invokeAtLeastOnce,
          readItems: async (key) =>
            JSON.parse(new TextDecoder().decode(await records.read(key.replace('records/d/', '')))),
          sleep: (ms) => world.sleep(ms),
          check: () => {
            if (!running.has(execution)) throw new Error('the execution was stopped');
          },
        },
      );
      world.say(`${execution} SUCCEEDED`);
      return true;
    } catch (error) {
      cloud.failure = `${(error as Error).name}: ${(error as Error).message}`;
      world.say(`${execution} FAILED ${cloud.failure}`);
      return false;
    } finally {
      running.delete(execution);
    }
  }

  const queue: { key: string; due: number; deliveries: number }[] = [];
  const dead: typeof queue = [];
  let ended = false;

  async function consume(): Promise<void> {
    for (;;) {
      const due = queue.filter((message) => message.due <= world.time);
      if (due.length === 0) {
        if (ended && queue.length === 0) return;
        await world.sleep(1000);
        continue;
      }
      const batch = due.slice(0, 1 + world.pick(3)).map(() => {
        const visible = queue.filter((message) => message.due <= world.time);
        return queue.splice(queue.indexOf(visible[world.pick(visible.length)]!), 1)[0]!;
      });
      let failed = batch.map((_, index) => index);
      try {
        const event = sqsEvent(...batch.map(({ key }) => s3Event({ key: `raw/d/${key}` })));
        const answer = (await invoke('Ingest', event)) as { batchItemFailures: { itemIdentifier: string }[] };
        failed = answer.batchItemFailures.map(({ itemIdentifier }) => Number(itemIdentifier.slice(1)));
      } catch {
        // All messages are delivered again.
      }
      for (const index of failed) {
        const message = batch[index]!;
        message.deliveries += 1;
        message.due = world.time + VISIBILITY;
        if (message.deliveries >= DELIVERIES) dead.push(message);
        else queue.push(message);
      }
    }
  }

  const cloud: Cloud = {
    raw,
    records,
    run,
    cancel: () => {
      if (running.size > 0) world.say(`cancelled: ${[...running].join()}`);
      running.clear();
    },
    announce: (key) => {
      const copies = world.chance(0.3) ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) {
        queue.push({ key, due: world.time + world.pick(5000), deliveries: 0 });
      }
    },
    deliver: async () => {
      await Promise.all([consume(), consume()]);
    },
    end: () => {
      ended = true;
    },
    redrive: () => {
      const count = dead.length;
      for (const message of dead.splice(0)) queue.push({ ...message, deliveries: 0, due: world.time });
      return count;
    },
    bugs,
    failure: '',
  };
  return cloud;
}
