/** Values of command-line options: parsed and checked in one place, since commands share them. */
import { basename, resolve } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import { SettingError } from '../core/errors.ts';
import type { Preset } from '../model/presets.ts';
import type { Setting } from '../training/setting.ts';
import {
  acceptSetting,
  DEFAULT_BATCH,
  DEFAULTS,
  flagOf,
  type GivenSettings,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
} from '../training/settings.ts';

/** A whole number in a range. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new InvalidArgumentError(`needed: a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}

/** A number in a range, ends included. */
export function real(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!(value >= least && value <= most))
      throw new InvalidArgumentError(`needed: a number from ${least} to ${most}.`);
    return value;
  };
}

/** A share of something: `1%` or `0.01`. */
export function share(text: string): number {
  const digits = text.replace(/%$/, '');
  const value = text.endsWith('%') ? Number(digits) / 100 : Number(digits);
  if (digits.trim() === '' || !(value >= 0 && value <= 1)) {
    throw new InvalidArgumentError('needed: a share such as 1% or 0.01, from 0 to 1.');
  }
  return value;
}

/** What becomes one part of a path. */
function name(text: string): string {
  if (/^[^/\\\p{Cc}]{1,64}$/u.test(text) && !/^\.\.?$/.test(text)) return text;
  throw new InvalidArgumentError('needed: 1-64 characters, without / and other than . and ...');
}

export const jsonOption = () => new Option('--json', 'print the result as JSON');

export const seedOption = () =>
  new Option('--seed <n>', 'decides all that is random').argParser(whole(0, 2 ** 31 - 1)).default(42);

export const deviceOption = () =>
  new Option('--device <device>', 'where TensorFlow computes')
    .choices(['auto', 'cpu', 'gpu'])
    .default('auto');

export const maxRejectedOption = () =>
  new Option('--max-rejected <share>', 'stop when more of the inputs are rejected')
    .argParser(share)
    .default(0.01, '1%');

/** Options of everything that preprocesses. */
export const preprocessOptions = () => [
  new Option('--dtype <type>', 'type of the signal in the records')
    .choices(['float16', 'float32'])
    .default('float16'),
  new Option('--shard-size <n>', 'samples of a shard').argParser(whole(1, 1 << 20)).default(1024),
  new Option('--workers <n>', 'worker threads (default: one a core)').argParser(whole(1, 1024)),
  new Option('--psd <file>', 'use this avg_psd.npz in place of an estimate'),
  new Option('--psd-samples <n>', 'noise samples that the PSD is averaged over, at most')
    .argParser(whole(1))
    .default(10_000),
  maxRejectedOption(),
  new Option('--no-wait', 'fail at once when another run is writing the records, in place of waiting for it'),
  new Option('--dataset <name>', 'name of the dataset (default: the last part of RAW)').argParser(name),
];

/** Options of everything that trains: the settings, whose defaults are the preset's, and how they are run. */
export const trainOptions = () => [
  ...SETTING_NAMES.map((name) => {
    const { help } = SETTINGS[name];
    return new Option(`${flagOf(name)} <value>`, `${help} (${describeDefault(name)})`).argParser((text) =>
      readSetting(name, text),
    );
  }),
  new Option(
    '--config <file>',
    'settings as JSON or YAML, such as the config.json of a run; flags go before it',
  ),
  deviceOption(),
  new Option('--engine <engine>', 'a step as one graph, or op by op: slower, the same to rounding')
    .choices(['graph', 'eager'])
    .default('graph'),
  new Option('--checkpoint-minutes <n>', 'between two checkpoints, at most')
    .argParser(real(0.01, 1e6))
    .default(10),
  new Option('--checkpoints <location>', 'where they are kept (default: checkpoints/ in OUT)'),
  new Option('--on-corrupt <what>', 'what a damaged record does: stop the training, or be left out')
    .choices(['stop', 'skip'])
    .default('stop'),
  new Option('--fresh', 'start over though there is a checkpoint'),
  new Option('--note <text>', 'shown at the top of the report'),
];

function describeDefault(name: SettingName): string {
  if (name === 'preset') return 'default: diy';
  if (name === 'batch_size') return `default: ${DEFAULT_BATCH.cpu} on a CPU, ${DEFAULT_BATCH.gpu} on a GPU`;
  const show = (preset: Preset): string => {
    const value = DEFAULTS[preset][name];
    return typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
  };
  const [diy, coherent] = [show('diy'), show('coherent')];
  return diy === coherent ? `default: ${diy}` : `default: ${diy}; coherent: ${coherent}`;
}

function readSetting(name: SettingName, text: string): unknown {
  const setting: Setting<unknown> = SETTINGS[name];
  const value = setting.parse(text);
  if (setting.accepts(value)) return value;
  throw new InvalidArgumentError(`needed: ${setting.needed}.`);
}

/** The settings among a command's flags. */
export function givenSettings(flags: Readonly<Record<string, unknown>>): GivenSettings {
  const given: GivenSettings = {};
  for (const name of SETTING_NAMES) {
    const value = flags[name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())];
    if (value !== undefined) acceptSetting(given, name, value);
  }
  return given;
}

/** A file as its folder (or bucket and prefix) and its name in there. Throws SettingError when it names none. */
export function splitLocation(file: string): { folder: string; key: string } {
  const end = file.lastIndexOf('/');
  const key = file.slice(end + 1);
  if (/^\.{0,2}$/.test(key) || /^[a-z0-9+.-]+:\/\/[^/]*$/i.test(file)) {
    throw new SettingError(`${JSON.stringify(file)} is no file: give its whole path or s3://bucket/key`);
  }
  return { folder: end < 0 ? '.' : file.slice(0, end) || '/', key };
}

/** `location` with more path behind it, whether a folder or s3://. */
export function joinLocation(location: string, ...parts: string[]): string {
  return [location.replace(/\/+$/, ''), ...parts].join('/');
}

/** The last part of a location: the name of the dataset that lies there. */
export function datasetName(location: string): string {
  const path = location.replace(/\/+$/, '');
  return basename(path.includes('://') ? path : resolve(path)) || 'dataset';
}
