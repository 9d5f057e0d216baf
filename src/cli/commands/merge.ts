import { Command } from 'commander';
import { formatBytes } from '../../core/format-bytes.ts';
import { choice } from '../../core/setting.ts';
import { jsonOption, settingOption } from '../../options/command-options.ts';
import { mergeRecords } from '../../preprocess/merge-shards.ts';
import type { RecordDType } from '../../records/record-dtype.ts';
import { splitLocation } from '../../storage/location.ts';
import { openStore } from '../../storage/open.ts';
import { attend, printResult } from '../terminal.ts';

const DTYPE = choice('type of the signal; readers of the Python pipeline need float32', [
  'float16',
  'float32',
]);

export function mergeCommand(): Command {
  return new Command('merge')
    .argument('<RECORDS>', 'finished records')
    .argument('<FILE>', 'file to write')
    .addOption(settingOption('dtype', DTYPE, 'float32'))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  chirpline merge records/g2net g2net-preprocessed-tfrecords/train.tfrecord',
    )
    .action(async (records: string, file: string, flags: { dtype: RecordDType; json?: boolean }) => {
      const { dtype, json } = flags;
      const { folder, key } = splitLocation(file);
      const [source, target] = [openStore(records), openStore(folder)];
      const merged = await attend((terminal, stop) =>
        mergeRecords(source, target, key, dtype, terminal, stop),
      );
      printResult(
        json,
        { out: file, records: merged.records, bytes: merged.size, dtype },
        `${merged.records} records of ${dtype}, ${formatBytes(merged.size)}: ${file}`,
      );
    });
}
