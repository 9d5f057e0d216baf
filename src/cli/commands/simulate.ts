import { Command, Option } from 'commander';
import { jsonOption, real, share, whole } from '../../options/command-options.ts';
import type { SimulateSettings } from '../../simulate/simulation-run.ts';
import { attend, printResult } from '../terminal.ts';

interface SimulateFlags extends SimulateSettings {
  json?: boolean;
}

export function simulateCommand(): Command {
  return new Command('simulate')
    .description(
      'make G2Net-like samples: signals in design noise, in the folders and with the labels of Kaggle',
    )
    .argument('<OUT>', 'gets train/<a>/<b>/<c>/<id>.npy, training_labels.csv and truth.csv')
    .requiredOption('--samples <n>', 'how many', whole(1, 10_000_000))
    .requiredOption('--seed <n>', 'the same seed makes the same samples', whole(0, 2 ** 32 - 1))
    .addOption(
      new Option('--snr-median <snr>', 'of the signals, all detectors together; 1.5 ... 30')
        .argParser(real(1.5, 30))
        .default(7.5),
    )
    .addOption(
      new Option('--snr-sigma <s>', 'spread of the logarithm of the SNR').argParser(real(0, 3)).default(0.5),
    )
    .addOption(
      new Option('--signal-share <share>', 'share of the samples that hold a signal')
        .argParser(share)
        .default(0.5),
    )
    .addOption(new Option('--workers <n>', 'worker threads (default: one a core)').argParser(whole(1, 1024)))
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  chirpline simulate raw --samples 2000 --seed 1 --snr-median 15')
    .action(async (out: string, flags: SimulateFlags) => {
      const { simulateDataset } = await import('../../simulate/simulation-run.ts');
      const result = await attend((terminal, stop) => simulateDataset(out, flags, terminal, stop));
      const { samples, signals } = result;
      printResult(flags.json, result, `${samples} samples, ${signals} of them with a signal: ${out}`);
    });
}
