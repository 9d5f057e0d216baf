import { Command, Option } from 'commander';
import { SettingError } from '../../core/errors.ts';
import { KERNEL_NAMES, type KernelName } from '../../kaggle/kernel.ts';
import { jsonOption, preprocessOption, trainOptions, ttaOption } from '../../options/command-options.ts';
import { handOn, handOnOptions, readSettings, type TrainFlags } from '../../options/train-flags.ts';
import { attend, printResult } from '../terminal.ts';

interface KaggleFlags extends TrainFlags {
  user: string;
  out: string;
  only: KernelName[];
  dtype: string;
}

export function kaggleCommand(): Command {
  return new Command('kaggle').addCommand(bundleCommand().exitOverride());
}

function bundleCommand(): Command {
  const maxRejected = preprocessOption('maxRejected');
  const preprocess = [
    preprocessOption('dtype'),
    preprocessOption('shardSize'),
    preprocessOption('psdSamples'),
    maxRejected,
  ];
  const tta = ttaOption();
  const command = new Command('bundle')
    .description(
      "write two Kaggle datasets and the notebooks that make a submission from the competition's data",
    )
    .requiredOption('--user <name>', 'your Kaggle user name, as in the URL of your profile')
    .requiredOption('--out <folder>', 'output folder for the datasets and notebooks')
    .addOption(
      new Option(
        '--only <notebooks...>',
        'write these notebooks; without gw-preprocess the records are your dataset g2net-preprocessed-tfrecords',
      )
        .choices(KERNEL_NAMES)
        .default(KERNEL_NAMES, 'all'),
    )
    .addHelpText(
      'after',
      '\nExample:\n  chirpline kaggle bundle --user jane --out kaggle --epochs 20 --folds 5\n' +
        '  kaggle datasets create -p kaggle/gw-src-code\n' +
        '  kaggle datasets create -p kaggle/gw-node-runtime\n' +
        '  kaggle kernels push -p kaggle/gw-preprocess    # then gw-training, then gw-predict',
    );
  for (const option of [...trainOptions(), ...preprocess, tta, jsonOption()]) command.addOption(option);
  return command.action(async (flags: KaggleFlags) => {
    const { user, out, only } = flags;
    if (flags.dtype === 'float32' && only.includes('gw-preprocess')) throw new SettingError(TOO_LARGE);
    for (const name of ['inject', 'init'] as const) requireInput(name, flags[name]);
    const settings = await readSettings(flags);
    // As in `chirpline run`, one seed decides everything.
    const seed = settings.seed === undefined ? [] : ['--seed', String(settings.seed)];
    const options = {
      preprocess: [...handOn(command, preprocess), ...seed],
      train: handOnOptions(command, settings),
      predict: handOn(command, [maxRejected, tta]),
    };
    const { writeKaggleBundle } = await import('../../kaggle/bundle.ts');
    const kernels = KERNEL_NAMES.filter((name) => only.includes(name));
    const files = await attend((terminal) =>
      writeKaggleBundle(out, { user, kernels, options, log: (line) => terminal.say(line) }),
    );
    const lines = files.map(({ name, size }) => `${(size / 1000).toFixed(1).padStart(9)} KB  ${name}`);
    printResult(flags.json, { files }, [`${out}:`, ...lines].join('\n'));
  });
}

/** Throws SettingError for a location that a notebook doesn't have. */
function requireInput(name: string, location: string | undefined): void {
  if (location === undefined || location.startsWith('/kaggle/input/')) return;
  throw new SettingError(
    `--${name} is ${JSON.stringify(location)}, needed a path below /kaggle/input/. Upload it as a dataset, and add that to the notebook gw-training`,
  );
}

const TOO_LARGE =
  "--dtype float32: the competition's 560,000 records take 27.6 GB in float32, and a notebook's output holds 20 GB. Use float16 (13.8 GB)";
