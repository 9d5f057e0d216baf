import { Command, Option } from 'commander';
import { SettingError } from '../../core/errors.ts';
import { datasetName, jsonOption, whole } from '../../options/command-options.ts';
import { stageOption, withStage } from '../stage.ts';
import { attend, printResult } from '../terminal.ts';

interface UploadFlags {
  stage: string;
  dataset?: string;
  pack: number;
  json?: boolean;
}

export function uploadCommand(): Command {
  return new Command('upload')
    .description("upload raw samples; the labels go last and start a stage's run")
    .argument('<FOLDER>', 'raw samples and training_labels.csv')
    .argument('[LOCATION]', "where they go, if not to the stage's bucket")
    .addOption(
      new Option('--pack <n>', 'put so many .npy files into one .tar; 1 leaves them as they are')
        .argParser(whole(1, 65_536))
        .default(1),
    )
    .option('--dataset <name>', 'name of the dataset (default: the last part of FOLDER)')
    .addOption(stageOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nWhat is there already with the same bytes is passed over, so that the same command resumes after a stop.' +
        '\nThousands of samples go up, and are read, far sooner in packs of 1024.' +
        '\n\nExample:\n  chirpline upload g2net --pack 1024 --stage dev && chirpline status --stage dev --watch',
    )
    .action(async (folder: string, location: string | undefined, flags: UploadFlags) => {
      if (location === undefined) {
        const { locateDataset } = await import('../../cloud/dataset.ts');
        await withStage(flags.stage, ({ bucket }) =>
          upload(folder, locateDataset(bucket, flags.dataset ?? datasetName(folder)).raw, flags, true),
        );
      } else if (flags.dataset === undefined) await upload(folder, location, flags, false);
      else
        throw new SettingError('--dataset names a place in the bucket of a stage: leave it out, or LOCATION');
    });
}

async function upload(folder: string, location: string, flags: UploadFlags, starts: boolean): Promise<void> {
  const [{ uploadFolder }, { openStore }] = await Promise.all([
    import('../../cloud/upload/uploader.ts'),
    import('../../storage/open.ts'),
  ]);
  const result = await attend((terminal, stop) =>
    uploadFolder(openStore(folder), openStore(location), { perPack: flags.pack }, terminal, stop),
  );
  const { uploaded, skipped, leftOut, objects, bytes, labels } = result;
  const amount = `${uploaded} files (${objects} objects, ${(bytes / 1e6).toFixed(1)} MB)`;
  const left = leftOut === 0 ? '' : `, ${leftOut} were left out`;
  const run = labels
    ? ' The labels have started the run: chirpline status shows it.'
    : ' There are no labels: the run starts when training_labels.csv is uploaded.';
  printResult(
    flags.json,
    result,
    `${amount} uploaded to ${location}, ${skipped} were there${left}.${starts ? run : ''}`,
  );
}
