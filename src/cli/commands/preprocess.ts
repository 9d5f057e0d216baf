import { Command } from 'commander';
import {
  datasetName,
  jsonOption,
  preprocessOptions,
  seedOption,
  splitLocation,
} from '../../options/command-options.ts';
import type { PreprocessSettings } from '../../preprocess/local-run.ts';
import type { Metadata } from '../../records/metadata.ts';
import { attend, printResult } from '../terminal.ts';

export interface PreprocessFlags {
  dtype: 'float16' | 'float32';
  shardSize: number;
  workers?: number;
  psd?: string;
  psdSamples: number;
  seed: number;
  maxRejected: number;
  wait: boolean;
  dataset?: string;
  json?: boolean;
}

export function preprocessCommand(): Command {
  const command = new Command('preprocess')
    .description('make TFRecord shards of raw samples')
    .argument('<RAW>', 'raw samples and training_labels.csv')
    .argument('<RECORDS>', 'where the shards go')
    .addHelpText('after', '\nExample:\n  chirpline preprocess g2net records/g2net --workers 2');
  for (const option of [...preprocessOptions(), seedOption(), jsonOption()]) command.addOption(option);
  return command.action(async (raw: string, records: string, flags: PreprocessFlags) => {
    const { preprocessDataset } = await import('../../preprocess/local-run.ts');
    const settings = preprocessSettings(raw, flags);
    const metadata = await attend((terminal, stop) =>
      preprocessDataset(raw, records, settings, terminal, stop),
    );
    printResult(flags.json, metadata, describeRecords(metadata, records));
  });
}

export function preprocessSettings(raw: string, flags: PreprocessFlags): PreprocessSettings {
  const { dtype, shardSize, workers, psd, psdSamples, seed, maxRejected, wait, dataset } = flags;
  return {
    dataset: dataset ?? datasetName(raw),
    dtype,
    shardSize,
    psdSamples,
    seed,
    maxRejected,
    wait,
    ...(workers !== undefined && { workers }),
    ...(psd !== undefined && { psd: splitLocation(psd) }),
  };
}

export function describeRecords(metadata: Metadata, records: string): string {
  const { n_samples, n_failed, shards, dtype } = metadata;
  const bytes = shards.reduce((sum, shard) => sum + shard.bytes, 0);
  const rejected = n_failed === 0 ? 'none rejected' : `${n_failed} rejected (see rejected.csv)`;
  return `${n_samples} records in ${shards.length} shards of ${dtype}, ${(bytes / 1e6).toFixed(1)} MB, ${rejected}: ${records}`;
}
