import { Command, Option } from 'commander';
import { jsonOption, splitLocation } from '../../options/command-options.ts';
import { mergeRecords } from '../../preprocess/merge-shards.ts';
import type { RecordDType } from '../../records/record-dtype.ts';
import { openStore } from '../../storage/open.ts';
import { attend, printResult } from '../terminal.ts';

export function mergeCommand(): Command {
  return new Command('merge')
    .description('make the one train.tfrecord that readers of the Python pipeline expect')
    .argument('<RECORDS>', 'finished records')
    .argument('<FILE>', 'the file to write')
    .addOption(
      new Option('--dtype <type>', 'type of the signal; those readers need float32')
        .choices(['float16', 'float32'])
        .default('float32'),
    )
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  chirpline merge records/g2net g2net-preprocessed-tfrecords/train.tfrecord',
    )
    .action(async (records: string, file: string, flags: { dtype: RecordDType; json?: boolean }) => {
      const { dtype, json } = flags;
      const { folder, key } = splitLocation(file);
      const [source, target] = [await openStore(records), await openStore(folder)];
      const merged = await attend((terminal, stop) =>
        mergeRecords(source, target, key, dtype, terminal, stop),
      );
      const megabytes = (merged.size / 1e6).toFixed(1);
      printResult(
        json,
        { out: file, records: merged.records, bytes: merged.size, dtype },
        `${merged.records} records of ${dtype}, ${megabytes} MB: ${file}`,
      );
    });
}
