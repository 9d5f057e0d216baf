/** Runs of a stage that left something undone, and whether anybody is to begin with it. */
import type { SFNClient } from '@aws-sdk/client-sfn';
import { describeRun, type ListedRun, listPages, type Run } from './runs.ts';

export interface Unfinished {
  /** Of each dataset whose latest run failed and none is on: that run. */
  failed: Run[];
  /** Runs that are on, whose datasets are left to them. */
  running: Run[];
}

/**
 * Looks for datasets whose latest run failed.
 */
export async function findUnfinished(client: SFNClient, stateMachineArn: string): Promise<Unfinished> {
  const listed: ListedRun[] = [];
  for await (const page of listPages(client, stateMachineArn)) listed.push(...page);
  listed.sort((a, b) => b.started.getTime() - a.started.getTime());
  const describe = ({ execution }: ListedRun) => describeRun(client, execution);

  const running: Run[] = [];
  for (const run of listed) if (run.state === 'RUNNING') running.push(await describe(run));
  const settled = new Set(running.map(({ dataset }) => dataset));
  const failed: Run[] = [];
  for (const entry of listed) {
    if (entry.state === 'RUNNING' || (entry.dataset !== undefined && settled.has(entry.dataset))) continue;
    if (entry.dataset !== undefined && !isFailed(entry)) {
      settled.add(entry.dataset);
      continue;
    }
    const run = await describe(entry);
    if (settled.has(run.dataset)) continue;
    settled.add(run.dataset);
    if (isFailed(run)) failed.push(run);
  }
  return { failed, running };
}

const isFailed = ({ state }: { state: string }) => state === 'FAILED' || state === 'TIMED_OUT';
