/** Runs of a stage that left something undone, and whether anybody is to begin with it. */
import type { SFNClient } from '@aws-sdk/client-sfn';
import { describeRun, type ListedRun, listPages, type Run } from './runs.ts';

export interface Unfinished {
  /** Of each dataset that has something left to do, and no run that is on: the latest run. */
  left: Run[];
  /** Runs that are on, whose datasets are left to them. */
  running: Run[];
}

/**
 * Looks for datasets whose latest run failed, or ended well and has a plan under way all the same: a call of its first step
 * that came late left it.
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
  listed.sort((a, b) => b.started.getTime() - a.started.getTime());
  const describe = ({ execution }: ListedRun) => describeRun(client, execution);

  const running: Run[] = [];
  for (const run of listed) if (run.state === 'RUNNING') running.push(await describe(run));
  const settled = new Set(running.map(({ dataset }) => dataset));
  const left: Run[] = [];
  for (const entry of listed) {
    if (entry.state === 'RUNNING' || (entry.dataset !== undefined && settled.has(entry.dataset))) continue;
    // Its name tells the dataset of all but a run that was started by hand.
    const { dataset = (await describe(entry)).dataset, state } = entry;
    if (settled.has(dataset)) continue;
    settled.add(dataset);
    const isLeft = FAILURES.has(state) || (state === 'SUCCEEDED' && (await hasPlan(dataset)));
    if (isLeft) left.push(await describe(entry));
  }
  return { left, running };
}

const FAILURES = new Set(['FAILED', 'TIMED_OUT']);
