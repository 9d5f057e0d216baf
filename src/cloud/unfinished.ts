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
  const describe = ({ execution }: ListedRun) => describeRun(client, execution);

  const running: Run[] = [];
  for (const run of listed) if (run.state === 'RUNNING') running.push(await describe(run));
  const settled = new Set(running.map(({ dataset }) => dataset));
  const left: Run[] = [];
  for (const entry of listed) {
    if (entry.state === 'RUNNING' || (entry.dataset !== undefined && settled.has(entry.dataset))) continue;
    // Only a run started by hand has a name without the dataset.
    const { dataset = (await describe(entry)).dataset, state } = entry;
    if (settled.has(dataset)) continue;
    settled.add(dataset);
    const isUnfinished = FAILURES.has(state) || (state === 'SUCCEEDED' && (await hasPlan(dataset)));
    if (isUnfinished) left.push(await describe(entry));
  }
  return { left, running };
}

const FAILURES = new Set(['FAILED', 'TIMED_OUT']);
