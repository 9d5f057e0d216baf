import { Command } from 'commander';
import { datasetName, jsonOption } from './options.ts';
import { stageOption, withStage } from './stage.ts';
import { attend, printResult } from './terminal.ts';

interface UploadFlags {
  stage: string;
  dataset?: string;
  json?: boolean;
}

export function uploadCommand(): Command {
  return new Command('upload')
    .description('upload raw samples to a stage; the labels go last and start the run')
    .argument('<FOLDER>', 'raw samples and training_labels.csv')
    .option('--dataset <name>', 'name of the dataset (default: the last part of FOLDER)')
    .addOption(stageOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nWhat is there already with the same bytes is passed over, so that the same command goes on after a stop.' +
        '\n\nExample:\n  chirpline upload g2net --stage dev && chirpline status --stage dev --watch',
    )
    .action(async (folder: string, flags: UploadFlags) => {
      const [{ uploadFolder }, { locateDataset }, { openStore }] = await Promise.all([
        import('../cloud/upload.ts'),
        import('../cloud/dataset.ts'),
        import('../storage/open.ts'),
      ]);
      await withStage(flags.stage, async ({ bucket }) => {
        const { raw } = locateDataset(bucket, flags.dataset ?? datasetName(folder));
        const result = await attend((terminal, stop) =>
          uploadFolder(openStore(folder), openStore(raw), terminal, stop),
        );
        const { uploaded, skipped, bytes, labels } = result;
        const then = labels
          ? 'The labels have started the run: chirpline status shows it'
          : 'There are no labels: the run starts when training_labels.csv is uploaded';
        printResult(
          flags.json,
          result,
          `${uploaded} files (${(bytes / 1e6).toFixed(1)} MB) uploaded to ${raw}, ${skipped} were there. ${then}.`,
        );
      });
    });
}
