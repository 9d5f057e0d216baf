import { Command } from 'commander';
import { jsonOption, trainOptions } from '../../options/command-options.ts';
import { handOnOptions, readSettings, type TrainFlags } from '../../options/train-flags.ts';
import { attend, printResult } from '../terminal.ts';

interface KaggleFlags extends TrainFlags {
  user: string;
  out: string;
}

export function kaggleCommand(): Command {
  return new Command('kaggle').description('train on Kaggle').addCommand(bundleCommand().exitOverride());
}

function bundleCommand(): Command {
  const command = new Command('bundle')
    .description('write two Kaggle datasets and the notebook that trains with them')
    .requiredOption('--user <name>', 'your Kaggle user name, as in the URL of your profile')
    .requiredOption('--out <folder>', 'output folder for gw-src-code/, gw-node-runtime/ and gw-training/')
    .addHelpText(
      'after',
      '\nExample:\n  chirpline kaggle bundle --user jane --out kaggle --epochs 20\n' +
        '  kaggle datasets create -p kaggle/gw-src-code\n' +
        '  kaggle datasets create -p kaggle/gw-node-runtime\n' +
        '  kaggle kernels push -p kaggle/gw-training',
    );
  for (const option of [...trainOptions(), jsonOption()]) command.addOption(option);
  return command.action(async (flags: KaggleFlags) => {
    const options = handOnOptions(command, await readSettings(flags));
    const { writeKaggleBundle } = await import('../../kaggle/bundle.ts');
    const files = await attend((terminal) =>
      writeKaggleBundle(flags.out, { user: flags.user, options, log: (line) => terminal.say(line) }),
    );
    const lines = files.map(({ name, size }) => `${(size / 1000).toFixed(1).padStart(9)} KB  ${name}`);
    printResult(flags.json, { files }, [`${flags.out}:`, ...lines].join('\n'));
  });
}
