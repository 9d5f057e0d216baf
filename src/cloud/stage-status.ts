/** The status of a stage: runs, training jobs and dead letters. */
import { BatchClient } from '@aws-sdk/client-batch';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import { openStore } from '../storage/open.ts';
import { CONNECTION } from './connection.ts';
import { isDatasetName, locateDataset } from './dataset.ts';
import { countMessages } from './dead-letters.ts';
import type { Stage } from './deployed-stage.ts';
import { type GpuQuotas, readGpuQuotas } from './doctor/quotas.ts';
import { isActive, type Job, listFolds, listJobs, readLastLines } from './jobs.ts';
import { listRuns, type Run, type RunProgress, readProgress } from './runs.ts';

export interface JobView extends Job {
  /** The last lines that it printed, if it is active or has failed. */
  lastLines: string[];
  /** Only for an array job: its jobs. */
  parts?: JobView[];
}

export interface StageStatus {
  runs: (Run & { progress?: RunProgress })[];
  jobs: JobView[];
  /** Of the account, if a job waits for a host, and if AWS tells. */
  gpuQuotas?: GpuQuotas;
  /** `resendable`: whether `redrive` can send them to their queue again. */
  deadLetters: { queue: string; messages: number; resendable: boolean }[];
}

const RUNS = 10;
const JOBS = 10;
const LINES = 3;

export interface StatusReader {
  /** Status of one dataset or of all. Dead letters are counted for the whole stage. */
  read(dataset?: string): Promise<StageStatus>;
}

export function createStatusReader(stage: Stage): StatusReader {
  const { training } = stage;
  const runs = new SFNClient(CONNECTION);
  const batch = new BatchClient(CONNECTION);
  const logs = new CloudWatchLogsClient(CONNECTION);
  const queues = new SQSClient({ ...CONNECTION, useQueueUrlAsEndpoint: false });

  // Asked once: they don't change while somebody watches.
  let gpuQuotas: Promise<GpuQuotas | undefined> | undefined;

  async function addLines(job: Job): Promise<JobView> {
    const hasLines = isActive(job) || job.state === 'FAILED';
    const [lastLines, folds] = await Promise.all([
      hasLines && training !== undefined ? readLastLines(logs, training.logs, job, LINES) : [],
      listFolds(batch, job),
    ]);
    if (job.folds === undefined) return { ...job, lastLines };
    return { ...job, lastLines, parts: await Promise.all(folds.map(addLines)) };
  }

  return {
    async read(dataset) {
      const [latestRuns, latestJobs, deadLetters] = await Promise.all([
        listRuns(runs, stage.stateMachine, RUNS, dataset),
        training === undefined ? [] : listJobs(batch, training.queue, JOBS, dataset),
        Promise.all(
          stage.queues.map(async ({ name, url, deadLetters: from }) => ({
            queue: name,
            messages: await countMessages(queues, from),
            resendable: url !== undefined,
          })),
        ),
      ]);
      const jobs = await Promise.all(latestJobs.map(addLines));
      // An emulator has no hosts.
      if (stage.name !== 'local' && jobs.some(isWaiting)) gpuQuotas ??= askQuotas();
      const quotas = await gpuQuotas;
      return {
        runs: await Promise.all(latestRuns.map((run) => addProgress(stage, run))),
        jobs,
        ...(quotas !== undefined && { gpuQuotas: quotas }),
        deadLetters,
      };
    },
  };
}

async function addProgress(stage: Stage, run: Run): Promise<Run & { progress?: RunProgress }> {
  if (run.state !== 'RUNNING' || !isDatasetName(run.dataset)) return run;
  const progress = await readProgress(openStore(locateDataset(stage.bucket, run.dataset).records));
  return progress === undefined ? run : { ...run, progress };
}

function isWaiting({ state, parts = [] }: JobView): boolean {
  return state === 'RUNNABLE' || parts.some(isWaiting);
}

/** Undefined if these credentials may not read them: the status has more to show. */
async function askQuotas(): Promise<GpuQuotas | undefined> {
  const client = new ServiceQuotasClient(CONNECTION);
  try {
    return await readGpuQuotas(client);
  } catch (error) {
    if (error instanceof Error && /^AccessDenied/.test(error.name)) return undefined;
    throw error;
  } finally {
    client.destroy();
  }
}

/** Whether a run or job is active. */
export function isBusy({ runs, jobs }: StageStatus): boolean {
  return runs.some(({ state }) => state === 'RUNNING') || jobs.some(isActive);
}
