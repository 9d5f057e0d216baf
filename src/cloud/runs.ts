/** Runs of a stage: executions of its state machine. */
import {
  DescribeExecutionCommand,
  ListExecutionsCommand,
  type SFNClient,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { readPlan } from '../preprocess/plan/plan.ts';
import { readManifest } from '../preprocess/state/manifest.ts';
import { psdPartialPrefix, shardResultPrefix } from '../preprocess/state/record-keys.ts';
import type { ObjectStore } from '../storage/store.ts';
import { datasetOfExecution, executionName, startExecution } from './executions.ts';

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

/** A run in a listing. The dataset is in the name if executionName made the name. */
export type ListedRun = Pick<Run, 'name' | 'execution' | 'state' | 'started'> & { dataset?: string };

/** Executions per page, at most: https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html */
const PAGE = 1000;
/** Pages read, at most. AWS forgets executions after 90 days. */
const PAGES = 10;

/** Pages of a stage's runs, newest first. */
export async function* listPages(
  client: SFNClient,
  stateMachineArn: string,
  maxResults = PAGE,
): AsyncGenerator<ListedRun[]> {
  let nextToken: string | undefined;
  for (let page = 0; page < PAGES; page += 1) {
    const answer = await client.send(new ListExecutionsCommand({ stateMachineArn, maxResults, nextToken }));
    yield (answer.executions ?? [])
      .map(({ name = '', executionArn = '', status = '', startDate = new Date(0) }) => {
        const dataset = datasetOfExecution(name);
        const run = { name, execution: executionArn, state: status, started: startDate };
        return { ...run, ...(dataset !== undefined && { dataset }) };
      })
      .sort((a, b) => b.started.getTime() - a.started.getTime());
    nextToken = answer.nextToken;
    if (nextToken === undefined) return;
  }
}

/** The latest runs of one dataset or of all, newest first. */
export async function listRuns(
  client: SFNClient,
  stateMachineArn: string,
  limit: number,
  dataset?: string,
): Promise<Run[]> {
  const isWanted = (run: { dataset?: string }) => dataset === undefined || run.dataset === dataset;
  const runs: Run[] = [];
  for await (const page of listPages(client, stateMachineArn, dataset === undefined ? limit : PAGE)) {
    const left = page.filter((run) => run.dataset === undefined || isWanted(run));
    while (left.length > 0 && runs.length < limit) {
      const next = left.splice(0, limit - runs.length);
      const described = await Promise.all(next.map(({ execution }) => describeRun(client, execution)));
      runs.push(...described.filter(isWanted));
    }
    if (runs.length >= limit) break;
  }
  return runs.sort((a, b) => b.started.getTime() - a.started.getTime());
}

/** The run with this name, of any age; undefined if the stage has none. */
export function findRun(client: SFNClient, stateMachineArn: string, name: string): Promise<Run | undefined> {
  // Format of the ARN: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
  return findExecution(client, `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`);
}

/** The run with this ARN; undefined if it doesn't exist. AWS deletes executions after 90 days. */
export async function findExecution(client: SFNClient, execution: string): Promise<Run | undefined> {
  try {
    return await describeRun(client, execution);
  } catch (error) {
    if (error instanceof Error && ABSENT.has(error.name)) return undefined;
    throw error;
  }
}

/** InvalidArn: the name can't be an execution's, such as the id of a job in an array. */
const ABSENT = new Set(['ExecutionDoesNotExist', 'InvalidArn']);

export async function describeRun(client: SFNClient, execution: string): Promise<Run> {
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

/** The cause of a failed function is JSON with its message. */
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

/** Progress of the plan under way, counted from the objects in the bucket; undefined if there is no plan. */
export async function readProgress(records: ObjectStore): Promise<RunProgress | undefined> {
  const { plan: id } = await readManifest(records);
  if (id === undefined) return undefined;
  const { shards, psdChunks } = await readPlan(records, id);
  return {
    psdChunks: { done: await count(records, psdPartialPrefix(id)), total: psdChunks },
    shards: { done: await count(records, shardResultPrefix(id)), total: shards.length },
  };
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

/** Starts a run that makes what a failed run didn't. Resolves to its name, or to undefined if it was started before. */
export async function restartRun(
  client: SFNClient,
  stateMachineArn: string,
  { dataset, execution }: Run,
): Promise<string | undefined> {
  const name = executionName(dataset, `after ${execution}`);
  return (await startExecution(client, stateMachineArn, name, { dataset })) ? name : undefined;
}
