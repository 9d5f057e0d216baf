import { Command } from 'commander';
import { SettingError } from '../../core/errors.ts';
import { formatBytes } from '../../core/format-bytes.ts';
import { whole } from '../../core/setting.ts';
import { jsonOption, settingOption } from '../../options/command-options.ts';
import { datasetName } from '../../storage/location.ts';
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
    .argument('<FOLDER>', 'raw samples and training_labels.csv')
    .argument('[LOCATION]', "destination (default: the stage's bucket)")
    .addOption(
      settingOption(
        'pack',
        whole('.npy files to put into each .tar; 1 uploads them one by one', 1, 65_536),
        1,
      ),
    )
    .option('--dataset <name>', 'name of the dataset (default: the last part of FOLDER)')
    .addOption(stageOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nFiles that exist at the destination with the same bytes are skipped. To resume' +
        '\nan upload, run the same command again. For thousands of samples use --pack 1024,' +
        '\nwhich is far faster to upload and to read.' +
        '\n\nExample:\n  chirpline upload g2net --pack 1024 --stage dev\n  chirpline status --stage dev --watch',
    )
    .action(async (folder: string, location: string | undefined, flags: UploadFlags) => {
      if (location === undefined) {
        const { locateDataset } = await import('../../cloud/dataset.ts');
        await withStage(flags.stage, ({ bucket }) =>
          upload(folder, locateDataset(bucket, flags.dataset ?? datasetName(folder)).raw, flags, flags.stage),
        );
      } else if (flags.dataset === undefined) await upload(folder, location, flags);
      else throw new SettingError("--dataset is for the stage's bucket: give either --dataset or LOCATION");
    });
}

/** @param stage whose bucket the location is in */
async function upload(folder: string, location: string, flags: UploadFlags, stage?: string): Promise<void> {
  const [{ uploadFolder }, { openStore }] = await Promise.all([
    import('../../cloud/upload/uploader.ts'),
    import('../../storage/open.ts'),
  ]);
  const result = await attend((terminal, stop) =>
    uploadFolder(openStore(folder), openStore(location), { perPack: flags.pack }, terminal, stop),
  );
  const { uploaded, skipped, leftOut, objects, bytes, labels } = result;
  const amount = `${uploaded} files (${objects} objects, ${formatBytes(bytes)})`;
  const left = leftOut === 0 ? '' : `, ${leftOut} unreadable files left out`;
  const run = labels
    ? ` The labels have started the run: chirpline status --stage ${stage} shows it.`
    : ' There are no labels: the run starts when training_labels.csv is uploaded.';
  printResult(
    flags.json,
    result,
    `${amount} uploaded to ${location}, ${skipped} identical files skipped${left}.${stage === undefined ? '' : run}`,
  );
}
