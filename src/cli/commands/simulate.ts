import { Command } from 'commander';
import {
  jsonOption,
  settingOption,
  simulationOptions,
  workersOption,
} from '../../options/command-options.ts';
import type { SimulateSettings } from '../../simulate/simulation-run.ts';
import { SAMPLES } from '../../simulate/simulation-settings.ts';
import { attend, printResult } from '../terminal.ts';

interface SimulateFlags extends SimulateSettings {
  json?: boolean;
}

export function simulateCommand(): Command {
  const command = new Command('simulate')
    .argument('<OUT>', 'output folder for train/<a>/<b>/<c>/<id>.npy, training_labels.csv and truth.csv')
    .addOption(settingOption('samples', SAMPLES).makeOptionMandatory())
    .addHelpText('after', '\nExample:\n  chirpline simulate raw --samples 2000 --seed 1 --snr-median 15');
  for (const option of [...simulationOptions(), workersOption(), jsonOption()]) command.addOption(option);
  return command.action(async (out: string, { json, ...settings }: SimulateFlags) => {
    const { simulateDataset } = await import('../../simulate/simulation-run.ts');
    const result = await attend((terminal, stop) => simulateDataset(out, settings, terminal, stop));
    const { samples, signals } = result;
    printResult(json, result, `${samples} samples, ${signals} of them with a signal: ${out}`);
  });
}
