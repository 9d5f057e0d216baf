import { Command } from 'commander';
import { jsonOption, trainOptions } from './options.ts';
import { stageOption, withStage } from './stage.ts';
import { printResult } from './terminal.ts';

interface SubmitFlags {
  stage: string;
  dataset: string;
  json?: boolean;
}

export function submitCommand(): Command {
  const training = trainOptions();
  const command = new Command('submit')
    .description('submit a training job on a preprocessed dataset')
    .requiredOption('--dataset <name>', 'the dataset')
    .addOption(stageOption())
    .addHelpText(
      'after',
      '\nExample:\n  chirpline submit --dataset g2net --stage dev --epochs 10 --learning-rate 1e-3',
    );
  for (const option of [...training, jsonOption()]) command.addOption(option);
  return command.action(async (flags: SubmitFlags) => {
    // What isn't given is left to the defaults of the container's own version.
    const options = training
      .filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
      .flatMap((option) => [option.long!, String(command.getOptionValue(option.attributeName()))]);
    const [{ BatchClient }, { submitTraining }, { locateDataset }, { openStore }] = await Promise.all([
      import('@aws-sdk/client-batch'),
      import('../cloud/training-job.ts'),
      import('../cloud/dataset.ts'),
      import('../storage/open.ts'),
    ]);
    await withStage(flags.stage, async ({ bucket, trainingQueue, trainingJob }) => {
      const records = openStore(locateDataset(bucket, flags.dataset).records);
      const place = { bucket, queue: trainingQueue, definition: trainingJob };
      const job = await submitTraining(new BatchClient({}), place, records, {
        dataset: flags.dataset,
        options,
      });
      printResult(
        flags.json,
        job,
        `job ${job.id} (${job.name}) submitted: chirpline status --stage ${flags.stage}`,
      );
    });
  });
}
