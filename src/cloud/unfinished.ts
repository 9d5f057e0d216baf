/** Finds the datasets of a stage that need a new run. */
import type { SFNClient } from '@aws-sdk/client-sfn';
import { describeRun, type ListedRun, listPages, type Run } from './runs.ts';

export interface Unfinished {
  /** The latest run of each dataset with unfinished work and no active run. */
  left: Run[];
  /** Active runs, whose datasets are skipped. */
  running: Run[];
}

/**
 * Finds datasets whose latest run failed. A run that succeeded counts too if a plan is still under way: a delayed call of
 * the run's first step began it.
 *
 * @param hasPlan whether a plan of the dataset is under way.
 */
export async function findUnfinished(
  client: SFNClient,
  stateMachineArn: string,
  hasPlan: (dataset: string) => Promise<boolean>,
): Promise<Unfinished> {
  const listed: ListedRun[] = [];
  for await (const page of listPages(client, stateMachineArn)) listed.push(...page);
  const isRunning = ({ state }: ListedRun) => state === 'RUNNING';
  // Active runs first, since their datasets are skipped; then the newest.
  listed.sort(
    (a, b) => Number(isRunning(b)) - Number(isRunning(a)) || b.started.getTime() - a.started.getTime(),
  );

  const running: Run[] = [];
  const left: Run[] = [];
  const settled = new Set<string>();
  for (const entry of listed) {
    // Only a run started by hand has a name without the dataset.
    if (!isRunning(entry) && settled.has(entry.dataset ?? '')) continue;
    const run = await describeRun(client, entry.execution);
    const { dataset, state } = run;
    if (isRunning(entry)) running.push(run);
    else if (settled.has(dataset)) continue;
    else if (FAILURES.has(state) || (state === 'SUCCEEDED' && (await hasPlan(dataset)))) left.push(run);
    settled.add(dataset);
  }
  return { left, running };
}

const FAILURES = new Set(['FAILED', 'TIMED_OUT']);
