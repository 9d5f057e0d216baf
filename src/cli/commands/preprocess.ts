import { Command, Option } from 'commander';
import { formatBytes } from '../../core/format-bytes.ts';
import { jsonOption, preprocessOption, preprocessOptions } from '../../options/command-options.ts';
import type { PreprocessSettings } from '../../preprocess/local-run.ts';
import type { RecordSettings } from '../../preprocess/preprocess-settings.ts';
import type { Metadata } from '../../records/metadata.ts';
import { datasetName, splitLocation } from '../../storage/location.ts';
import { attend, printResult } from '../terminal.ts';

export interface PreprocessFlags extends RecordSettings {
  workers?: number;
  psd?: string;
  signals?: true;
  wait: boolean;
  dataset?: string;
  json?: boolean;
}

export function preprocessCommand(): Command {
  const command = new Command('preprocess')
    .argument('<RAW>', 'raw samples and training_labels.csv')
    .argument('<RECORDS>', 'output folder for the shards')
    .addHelpText('after', '\nExample:\n  chirpline preprocess g2net records/g2net --workers 2');
  const signals = new Option(
    '--signals',
    'RAW holds signals without noise, from simulate --signals-only; their records are for train --inject. Needs --psd',
  );
  for (const option of [...preprocessOptions(), preprocessOption('seed'), signals, jsonOption()])
    command.addOption(option);
  return command.action(async (raw: string, records: string, flags: PreprocessFlags) => {
    const { preprocessDataset } = await import('../../preprocess/local-run.ts');
    const settings = preprocessSettings(raw, flags);
    const metadata = await attend((terminal, stop) =>
      preprocessDataset(raw, records, settings, terminal, stop),
    );
    printResult(flags.json, metadata, describeRecords(metadata, records));
  });
}

export function preprocessSettings(
  raw: string,
  { dataset = datasetName(raw), psd, ...flags }: PreprocessFlags,
): PreprocessSettings {
  return { ...flags, dataset, ...(psd !== undefined && { psd: splitLocation(psd) }) };
}

export function describeRecords(metadata: Metadata, records: string): string {
  const { n_samples, n_failed, shards, dtype } = metadata;
  const bytes = shards.reduce((sum, shard) => sum + shard.bytes, 0);
  const rejected = n_failed === 0 ? 'none rejected' : `${n_failed} rejected (see rejected.csv)`;
  const files = shards.length === 1 ? '1 shard' : `${shards.length} shards`;
  return `${n_samples} records in ${files} of ${dtype}, ${formatBytes(bytes)}, ${rejected}: ${records}`;
}
