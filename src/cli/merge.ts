import { Command, Option } from 'commander';
import { mergeRecords } from '../pipeline/merge.ts';
import type { RecordDType } from '../records/dtype.ts';
import { openStore } from '../storage/open.ts';
import { jsonOption, splitLocation } from './options.ts';
import { openTerminal, printResult } from './terminal.ts';

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
      const terminal = openTerminal();
      const { folder, key } = splitLocation(file);
      try {
        const merged = await mergeRecords(
          await openStore(records),
          await openStore(folder),
          key,
          flags.dtype,
          terminal,
        );
        terminal.close();
        const megabytes = (merged.size / 1e6).toFixed(1);
        printResult(
          flags.json,
          merged,
          `${merged.records} records of ${flags.dtype}, ${megabytes} MB: ${file}`,
        );
      } finally {
        terminal.close();
      }
    });
}
