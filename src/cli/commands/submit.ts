import { Command } from 'commander';
import { CONNECTION } from '../../cloud/connection.ts';
import { jsonOption, trainOptions } from '../../options/command-options.ts';
import { stageOption, withStage } from '../stage.ts';
import { printResult } from '../terminal.ts';

interface SubmitFlags {
  stage: string;
  dataset: string;
  json?: boolean;
}

export function submitCommand(): Command {
  const command = new Command('submit')
    .requiredOption('--dataset <name>', 'name of the preprocessed dataset')
    .addOption(stageOption())
    .addHelpText(
      'after',
      '\nExamples:\n  chirpline submit --dataset g2net --stage dev --epochs 10 --learning-rate 1e-3\n' +
        '  chirpline submit --dataset g2net --stage dev --preset coherent --folds 5',
    );
  for (const option of [...trainOptions(), jsonOption()]) command.addOption(option);
  return command.action(async (flags: SubmitFlags) => {
    const [
      { BatchClient },
      { requireTraining },
      { submitTraining },
      { locateDataset },
      { openStore },
      { readJobOptions },
    ] = await Promise.all([
      import('@aws-sdk/client-batch'),
      import('../../cloud/deployed-stage.ts'),
      import('../../cloud/training-job.ts'),
      import('../../cloud/dataset.ts'),
      import('../../storage/open.ts'),
      import('../../options/job-options.ts'),
    ]);
    const options = await readJobOptions(command);
    await withStage(flags.stage, async (stage) => {
      const { queue, definition, image } = requireTraining(stage);
      const { bucket } = stage;
      if (image !== undefined) {
        const { ECRClient } = await import('@aws-sdk/client-ecr');
        const { requireImage } = await import('../../cloud/image.ts');
        await requireImage(new ECRClient(CONNECTION), image, stage.name);
      }
      const records = openStore(locateDataset(bucket, flags.dataset).records);
      const place = { stage: stage.name, bucket, queue, definition };
      const { dataset } = flags;
      const job = await submitTraining(new BatchClient(CONNECTION), place, records, { ...options, dataset });
      const folds = options.folds === undefined ? '' : ` for ${options.folds} folds`;
      printResult(
        flags.json,
        job,
        `job ${job.id} (${job.name}) submitted${folds}. To follow it: chirpline status --stage ${flags.stage}`,
      );
    });
  });
}
