/** Runs of a stage: executions of its state machine. */
import {
  DescribeExecutionCommand,
  ListExecutionsCommand,
  type SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import type { Plan } from '../pipeline/plan.ts';
import {
  METADATA_KEY,
  PLAN_KEY,
  PSD_PARTIAL_PREFIX,
  readJsonIfPresent,
  SHARD_RESULT_PREFIX,
} from '../pipeline/work.ts';
import type { ObjectStore } from '../storage/store.ts';
import { executionName } from './execution-name.ts';

export interface Run {
  name: string;
  /** ARN. */
  execution: string;
  dataset: string;
  /** RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED. */
  state: string;
  started: Date;
  stopped?: Date;
  /** Why it failed. */
  reason?: string;
}

/** The latest runs, newest first. */
export async function listRuns(client: SFNClient, stateMachineArn: string, limit: number): Promise<Run[]> {
  const { executions = [] } = await client.send(
    new ListExecutionsCommand({ stateMachineArn, maxResults: limit }),
  );
  const runs = await Promise.all(
    executions.map(({ executionArn }) => describeRun(client, executionArn ?? '')),
  );
  return runs.sort((a, b) => b.started.getTime() - a.started.getTime());
}

async function describeRun(client: SFNClient, execution: string): Promise<Run> {
  const { name, status, startDate, stopDate, input, error, cause } = await client.send(
    new DescribeExecutionCommand({ executionArn: execution }),
  );
  const { dataset } = JSON.parse(input ?? '{}') as { dataset?: string };
  const reason = describeFailure(error, cause);
  return {
    name: name ?? '',
    execution,
    dataset: dataset ?? '',
    state: status ?? '',
    started: startDate ?? new Date(0),
    ...(stopDate !== undefined && { stopped: stopDate }),
    ...(reason !== undefined && { reason }),
  };
}

/** A failed function's cause is JSON with its message. */
function describeFailure(error: string | undefined, cause: string | undefined): string | undefined {
  if (error === undefined && cause === undefined) return undefined;
  return [error, readMessage(cause ?? '')].filter((part) => part !== undefined && part !== '').join(': ');
}

function readMessage(cause: string): string {
  try {
    const { errorMessage } = JSON.parse(cause) as { errorMessage?: unknown };
    return typeof errorMessage === 'string' ? errorMessage : cause;
  } catch {
    return cause;
  }
}

export interface RunProgress {
  psdChunks: { done: number; total: number };
  shards: { done: number; total: number };
}

/** How far a run has come, counted in the bucket; undefined before its plan is made and after its end. */
export async function readProgress(records: ObjectStore): Promise<RunProgress | undefined> {
  const plan = await readJsonIfPresent<Plan>(records, PLAN_KEY);
  if (plan === undefined || (await records.head(METADATA_KEY)) !== undefined) return undefined;
  const shards = { done: await count(records, SHARD_RESULT_PREFIX), total: plan.shards };
  return { psdChunks: { done: await count(records, PSD_PARTIAL_PREFIX), total: plan.psdChunks }, shards };
}

async function count(store: ObjectStore, prefix: string): Promise<number> {
  let total = 0;
  for await (const _ of store.list(prefix)) total += 1;
  return total;
}

export async function stopRun(client: SFNClient, run: Run): Promise<void> {
  await client.send(
    new StopExecutionCommand({ executionArn: run.execution, error: 'Cancelled', cause: 'chirpline cancel' }),
  );
}

/** Starts a run that makes what a failed one left undone. Resolves to its name, or undefined if it was started before. */
export async function restartRun(
  client: SFNClient,
  stateMachineArn: string,
  run: Run,
): Promise<string | undefined> {
  const name = executionName(run.dataset, `after ${run.execution}`);
  try {
    const input = JSON.stringify({ dataset: run.dataset });
    await client.send(new StartExecutionCommand({ stateMachineArn, name, input }));
    return name;
  } catch (error) {
    if (error instanceof Error && error.name === 'ExecutionAlreadyExists') return undefined;
    throw error;
  }
}
