/** Options shared by several commands, parsed and checked in one place. */
import { InvalidArgumentError, Option } from 'commander';
import { DEVICE, WORKERS } from '../core/machine-settings.ts';
import { choice, flagOf, real, type Setting } from '../core/setting.ts';
import type { Preset } from '../model/presets.ts';
import {
  DATASET_NAME,
  PREPROCESS_DEFAULTS,
  PREPROCESS_SETTINGS,
  type RecordSettings,
} from '../preprocess/preprocess-settings.ts';
import { SIMULATION_DEFAULTS, SIMULATION_SETTINGS } from '../simulate/simulation-settings.ts';
import {
  DEFAULT_BATCH,
  DEFAULTS,
  type GivenSettings,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
} from '../training/settings.ts';

/** The option of a setting. Commander puts the option and the text before the message about a value. */
export function settingOption<T>(name: string, setting: Setting<T>, preset?: T, shown?: string): Option {
  return new Option(`${flagOf(name)} <${setting.form}>`, setting.help)
    .argParser((text) => {
      const value = setting.parse(text);
      if (setting.accepts(value)) return value;
      throw new InvalidArgumentError(`needed: ${setting.needed}.`);
    })
    .default(preset, shown ?? preset?.toString());
}

export const jsonOption = () => new Option('--json', 'print the result as JSON');

/** The option of a setting of preprocessing. */
export const preprocessOption = (name: keyof RecordSettings, help = PREPROCESS_SETTINGS[name].help) =>
  settingOption<number | string>(
    name,
    { ...(PREPROCESS_SETTINGS[name] as Setting<number | string>), help },
    PREPROCESS_DEFAULTS[name],
    name === 'maxRejected' ? '1%' : undefined,
  );

/** The options of simulated data; the seed has no default. */
export const simulationOptions = () => [
  settingOption('seed', SIMULATION_SETTINGS.seed).makeOptionMandatory(),
  new Option(flagOf('signalsOnly'), SIMULATION_SETTINGS.signalsOnly.help),
  ...(Object.keys(SIMULATION_DEFAULTS.design) as (keyof typeof SIMULATION_DEFAULTS.design)[])
    .filter((name) => name !== 'signalsOnly')
    .map((name) => {
      const setting: Setting<unknown> = SIMULATION_SETTINGS[name];
      const [design, g2net] = [SIMULATION_DEFAULTS.design[name], SIMULATION_DEFAULTS.g2net[name]];
      const isCommon = name === 'like' || design === g2net;
      const shown = isCommon ? `default: ${design}` : `default: ${design}; like g2net: ${g2net}`;
      return settingOption(name, { ...setting, help: `${setting.help} (${shown})` });
    }),
];

export const workersOption = () => settingOption('workers', WORKERS);

export const ttaOption = () =>
  new Option(
    '--tta',
    'test-time augmentation: the mean over each sample as it is, with the other sign, with H1 and L1 swapped, and with both (four times the time of the model)',
  );

export const deviceOption = () => settingOption('device', DEVICE, 'auto');

export const compileOption = () =>
  settingOption(
    'compile',
    choice('let XLA compile the steps (auto: on a GPU)', ['auto', 'on', 'off']),
    'auto',
  );

const ENGINE = choice('run a step as one graph, or op by op (slower; equal up to rounding)', [
  'graph',
  'eager',
]);

/** The options of every command that preprocesses, without the seed, which a training has too. */
export const preprocessOptions = () => [
  preprocessOption('dtype'),
  preprocessOption('shardSize'),
  preprocessOption('psdSamples'),
  preprocessOption('maxRejected'),
  workersOption(),
  new Option('--psd <file>', 'use this avg_psd.npz instead of estimating the PSD'),
  new Option('--no-wait', 'fail at once if another run is writing the records, instead of waiting for it'),
  settingOption('dataset', DATASET_NAME),
];

/** The options of every command that trains: the settings, with the preset's defaults, and how the training is run. */
export const trainOptions = () => [
  ...SETTING_NAMES.map((name) => {
    const setting: Setting<unknown> = SETTINGS[name];
    return settingOption(name, { ...setting, help: `${setting.help} (${describeDefault(name)})` });
  }),
  new Option(
    '--inject <SIGNALS>',
    'train on the noise of the records, and inject other signals into it in each step; SIGNALS: records made by preprocess --signals',
  ),
  new Option(
    '--init <WEIGHTS>',
    'start from the weights of a trained model, whose preset it takes: fine-tuning; choose a lower --learning-rate',
  ),
  new Option(
    '--config <file>',
    'settings as JSON or YAML, such as the config.json of a run; flags override them',
  ),
  deviceOption(),
  settingOption('engine', ENGINE, 'graph'),
  compileOption(),
  settingOption('checkpointMinutes', real('maximum time between two checkpoints', 0.01, 1e6), 10),
  new Option('--checkpoints <location>', 'location of the checkpoints (default: checkpoints/ in OUT)'),
  settingOption('onCorrupt', choice('stop at a damaged record, or skip it', ['stop', 'skip']), 'stop'),
  new Option('--fresh', 'ignore an existing checkpoint and start over'),
  new Option('--note <text>', 'shown at the top of the report'),
];

function describeDefault(name: SettingName): string {
  if (name === 'preset') return 'default: diy';
  const show = (preset: Preset): string => {
    if (name === 'batch_size')
      return `${DEFAULT_BATCH[preset].cpu} on a CPU, ${DEFAULT_BATCH[preset].gpu} on a GPU`;
    const value = DEFAULTS[preset][name];
    return typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
  };
  const unlike = (preset: Preset, other: Preset) =>
    show(preset) === show(other) ? '' : `; ${preset}: ${show(preset)}`;
  const others = unlike('coherent', 'diy') + unlike('coherent-large', 'coherent') + unlike('matched', 'diy');
  return `default: ${show('diy')}${others}`;
}

/** The settings among a command's flags, which their options have checked. */
export function givenSettings(flags: Readonly<Record<string, unknown>>): GivenSettings {
  const given: GivenSettings = {};
  for (const name of SETTING_NAMES) {
    const value = flags[name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())];
    if (value !== undefined) Object.assign(given, { [name]: value });
  }
  return given;
}
