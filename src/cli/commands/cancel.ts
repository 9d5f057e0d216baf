import { Command } from 'commander';
import { CONNECTION } from '../../cloud/connection.ts';
import type { Stage } from '../../cloud/deployed-stage.ts';
import type { Job } from '../../cloud/jobs.ts';
import { SettingError } from '../../core/errors.ts';
import { jsonOption } from '../../options/command-options.ts';
import { stageOption, withStage } from '../stage.ts';
import { printResult } from '../terminal.ts';

/** A run has one job at a time, so its active job is among the latest of its dataset. */
const JOBS = 100;

export function cancelCommand(): Command {
  return new Command('cancel')
    .argument('<ID>', 'name of the run or id of the job; chirpline status shows both')
    .addOption(stageOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  chirpline cancel g2net-0f3a9c1d2b4e --stage dev')
    .action(async (id: string, flags: { stage: string; json?: boolean }) => {
      const [{ BatchClient }, { SFNClient }, { findJob, isActive, listJobs, stopJob }, { findRun, stopRun }] =
        await Promise.all([
          import('@aws-sdk/client-batch'),
          import('@aws-sdk/client-sfn'),
          import('../../cloud/jobs.ts'),
          import('../../cloud/runs.ts'),
        ]);
      await withStage(flags.stage, async (stage) => {
        const batch = new BatchClient(CONNECTION);
        const sfn = new SFNClient(CONNECTION);
        const stopped: string[] = [];
        const run = await findRun(sfn, stage.stateMachine, id);
        if (run !== undefined) {
          if (run.state !== 'RUNNING') throw new SettingError(`run ${id} has already ended: ${run.state}`);
          await stopRun(sfn, run);
          stopped.push(`run ${id}`);
          const { queue } = stage.training ?? {};
          for (const job of queue === undefined ? [] : await listJobs(batch, queue, JOBS, run.dataset)) {
            if (!isActive(job) || !job.ofRun) continue;
            await stopJob(batch, job);
            stopped.push(`job ${job.id}`);
          }
        } else {
          const job = await findJob(batch, id);
          if (job === undefined)
            throw new SettingError(
              `stage ${flags.stage} has no run or job ${id}: chirpline status --stage ${flags.stage} lists them`,
            );
          requireOwn(job, stage);
          if (!isActive(job)) throw new SettingError(`job ${id} has already ended: ${job.state}`);
          await stopJob(batch, job);
          stopped.push(`job ${id}`);
        }
        printResult(flags.json, { stopped }, `stopped ${stopped.join(' and ')}; finished work is kept`);
      });
    });
}

/** Throws SettingError when the job belongs to another stage: AWS finds an id in any queue of the account. */
export function requireOwn({ id, queue }: Pick<Job, 'id' | 'queue'>, { name, training }: Stage): void {
  if (queue === training?.queue) return;
  const other = /^chirpline-(.+)-training$/.exec(queue)?.[1];
  const found = other === undefined ? `in the queue ${queue}` : `of stage ${other}`;
  const advice = other === undefined ? 'Stop it where it was submitted' : `Use --stage ${other}`;
  throw new SettingError(`job ${id} is ${found}, not of stage ${name}. ${advice}`);
}
