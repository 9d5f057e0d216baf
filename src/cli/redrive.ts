import { Command } from 'commander';
import { jsonOption } from './options.ts';
import { stageOption, withStage } from './stage.ts';
import { printResult } from './terminal.ts';

const RUNS = 100;

export function redriveCommand(): Command {
  return new Command('redrive')
    .description('send dead letters again, and make what failed runs left undone')
    .addOption(stageOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nFor each dataset whose latest run failed, a new one makes the missing chunks alone.\n\nExample:\n  chirpline redrive --stage dev',
    )
    .action(async (flags: { stage: string; json?: boolean }) => {
      const [{ SFNClient }, { SQSClient }, { redriveMessages }, { listRuns, restartRun }] = await Promise.all(
        [
          import('@aws-sdk/client-sfn'),
          import('@aws-sdk/client-sqs'),
          import('../cloud/dead-letters.ts'),
          import('../cloud/runs.ts'),
        ],
      );
      await withStage(flags.stage, async ({ queues, stateMachine }) => {
        const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
        const sfn = new SFNClient({});
        let messages = 0;
        for (const { url, deadLetters } of queues) messages += await redriveMessages(sqs, deadLetters, url);

        const runs: string[] = [];
        const seen = new Set<string>();
        for (const run of await listRuns(sfn, stateMachine, RUNS)) {
          if (seen.has(run.dataset)) continue;
          seen.add(run.dataset);
          if (run.state !== 'FAILED' && run.state !== 'TIMED_OUT') continue;
          const name = await restartRun(sfn, stateMachine, run);
          if (name !== undefined) runs.push(name);
        }
        printResult(
          flags.json,
          { messages, runs },
          `${messages} dead letters sent again, ${runs.length} runs started${runs.map((name) => `\n  ${name}`).join('')}`,
        );
      });
    });
}
