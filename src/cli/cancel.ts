import { Command } from 'commander';
import { SettingError } from '../errors.ts';
import { jsonOption } from './options.ts';
import { stageOption, withStage } from './stage.ts';
import { printResult } from './terminal.ts';

export function cancelCommand(): Command {
  return new Command('cancel')
    .description('stop a run, with the training job it waits for, or a training job')
    .argument('<ID>', 'name of the run or id of the job, as chirpline status shows it')
    .addOption(stageOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  chirpline cancel g2net-0f3a9c1d2b4e --stage dev')
    .action(async (id: string, flags: { stage: string; json?: boolean }) => {
      const [
        { BatchClient },
        { SFNClient },
        { findJob, isActive, listJobs, stopJob },
        { listRuns, stopRun },
      ] = await Promise.all([
        import('@aws-sdk/client-batch'),
        import('@aws-sdk/client-sfn'),
        import('../cloud/jobs.ts'),
        import('../cloud/runs.ts'),
      ]);
      await withStage(flags.stage, async (stage) => {
        const batch = new BatchClient({});
        const sfn = new SFNClient({});
        const stopped: string[] = [];
        const run = (await listRuns(sfn, stage.stateMachine, 100)).find(({ name }) => name === id);
        if (run !== undefined) {
          if (run.state !== 'RUNNING') throw new SettingError(`run ${id} has ended already: ${run.state}`);
          await stopRun(sfn, run);
          stopped.push(`run ${id}`);
          for (const job of await listJobs(batch, stage.trainingQueue, 100)) {
            if (!isActive(job) || !job.ofRun || job.dataset !== run.dataset) continue;
            await stopJob(batch, job);
            stopped.push(`job ${job.id}`);
          }
        } else {
          const job = await findJob(batch, id);
          if (job === undefined)
            throw new SettingError(`stage ${flags.stage} has no run or job ${id}: see chirpline status`);
          if (!isActive(job)) throw new SettingError(`job ${id} has ended already: ${job.state}`);
          await stopJob(batch, job);
          stopped.push(`job ${id}`);
        }
        printResult(flags.json, { stopped }, `stopped ${stopped.join(' and ')}; what is finished is kept`);
      });
    });
}
