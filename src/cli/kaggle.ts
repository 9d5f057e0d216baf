import { Command } from 'commander';
import { flagOf, SETTING_NAMES } from '../training/settings.ts';
import { jsonOption, trainOptions } from './options.ts';
import { attend, printResult } from './terminal.ts';
import { readSettings, type TrainFlags } from './train.ts';

interface KaggleFlags extends TrainFlags {
  user: string;
  out: string;
}

export function kaggleCommand(): Command {
  return new Command('kaggle').description('train on Kaggle').addCommand(bundleCommand().exitOverride());
}

function bundleCommand(): Command {
  const training = trainOptions();
  const command = new Command('bundle')
    .description('write what Kaggle needs: two datasets and the notebook that trains')
    .requiredOption('--user <name>', 'your name on Kaggle, as in the address of your page')
    .requiredOption('--out <folder>', 'gets gw-src-code/, gw-node-runtime/ and gw-training/')
    .addHelpText(
      'after',
      '\nExample:\n  chirpline kaggle bundle --user jane --out kaggle --epochs 20\n' +
        '  kaggle datasets create -p kaggle/gw-src-code\n' +
        '  kaggle datasets create -p kaggle/gw-node-runtime\n' +
        '  kaggle kernels push -p kaggle/gw-training',
    );
  for (const option of [...training, jsonOption()]) command.addOption(option);
  return command.action(async (flags: KaggleFlags) => {
    const settings = await readSettings(flags);
    const options = [
      // The config file stays here: what it says goes along.
      ...SETTING_NAMES.flatMap((name) =>
        settings[name] === undefined ? [] : [flagOf(name), String(settings[name])],
      ),
      // How the training is run, where it was said; the rest is left to the defaults.
      ...training
        .filter(({ long }) => long !== '--config' && !SETTING_NAMES.some((name) => flagOf(name) === long))
        .filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
        .flatMap((option) =>
          option.isBoolean()
            ? [option.long!]
            : [option.long!, String(command.getOptionValue(option.attributeName()))],
        ),
    ];
    const { writeKaggleBundle } = await import('../kaggle/bundle.ts');
    const files = await attend((terminal) =>
      writeKaggleBundle(flags.out, { user: flags.user, options, log: (line) => terminal.say(line) }),
    );
    const lines = files.map(({ name, size }) => `${(size / 1000).toFixed(1).padStart(9)} KB  ${name}`);
    printResult(flags.json, { files }, [`${flags.out}:`, ...lines].join('\n'));
  });
}
