import { Command } from 'commander';
import { CONNECTION } from '../../cloud/connection.ts';
import { locateDataset } from '../../cloud/dataset.ts';
import { jsonOption } from '../../options/command-options.ts';
import { stageOption, withStage } from '../stage.ts';
import { printResult } from '../terminal.ts';

export function redriveCommand(): Command {
  return new Command('redrive')
    .addOption(stageOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nEach dataset whose latest run failed gets a new run, which makes only the' +
        '\nmissing chunks. Datasets with an active run are skipped.' +
        '\n\nExample:\n  chirpline redrive --stage dev',
    )
    .action(async (flags: { stage: string; json?: boolean }) => {
      const [
        { SFNClient },
        { SQSClient },
        { redriveMessages },
        { restartRun },
        { findUnfinished },
        { readManifest },
        { openStore },
      ] = await Promise.all([
        import('@aws-sdk/client-sfn'),
        import('@aws-sdk/client-sqs'),
        import('../../cloud/dead-letters.ts'),
        import('../../cloud/runs.ts'),
        import('../../cloud/unfinished.ts'),
        import('../../preprocess/state/manifest.ts'),
        import('../../storage/open.ts'),
      ]);
      await withStage(flags.stage, async ({ bucket, queues, stateMachine }) => {
        const sqs = new SQSClient({ ...CONNECTION, useQueueUrlAsEndpoint: false });
        const sfn = new SFNClient(CONNECTION);
        const sent = await Promise.all(
          queues.map(({ url, deadLetters }) =>
            url === undefined ? 0 : redriveMessages(sqs, deadLetters, url),
          ),
        );
        const messages = sent.reduce((sum, count) => sum + count);

        const hasPlan = async (dataset: string) =>
          (await readManifest(openStore(locateDataset(bucket, dataset).records))).plan !== undefined;
        const { left, running } = await findUnfinished(sfn, stateMachine, hasPlan);
        const runs: string[] = [];
        for (const run of left) {
          const name = await restartRun(sfn, stateMachine, run);
          if (name !== undefined) runs.push(name);
        }
        const skipped = running.map(({ dataset, name }) => ({ dataset, run: name }));
        const lines = [
          `${messages} dead letters resent, ${runs.length} runs started`,
          ...runs.map((name) => `  ${name}`),
          ...skipped.map(({ dataset, run }) => `${dataset} was skipped: run ${run} is active`),
        ];
        printResult(flags.json, { messages, runs, skipped }, lines.join('\n'));
      });
    });
}
