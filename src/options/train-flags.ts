/** The settings of a training from a config file and flags, and the command line that passes them to another machine. */
import type { Command, Option } from 'commander';
import { CONFIG_LIMIT, parseConfig } from '../artifacts/config.ts';
import { flagOf } from '../core/setting.ts';
import { type GivenSettings, SETTING_NAMES } from '../training/settings.ts';
import type { TrainOptions } from '../training-run/training-run.ts';
import { givenSettings, trainOptions } from './command-options.ts';
import { readTextFile } from './text-file.ts';

/** The flags that are not settings. Settings are read by givenSettings. */
export interface TrainFlags extends Omit<TrainOptions, 'fresh'> {
  config?: string;
  fresh?: true;
  json?: boolean;
}

/** Settings of the config file, overridden by those of the flags. */
export async function readSettings(flags: TrainFlags): Promise<GivenSettings> {
  const given = givenSettings({ ...flags });
  if (flags.config === undefined) return given;
  return { ...parseConfig(await readTextFile(flags.config, CONFIG_LIMIT), flags.config), ...given };
}

/**
 * The words for a `chirpline train` on another machine. The settings of the config file become flags, since the file isn't
 * there. Options that weren't given are left out: the version that trains has its own defaults.
 *
 * @param command a parsed command with the options of trainOptions.
 * @param apart flags that the caller handles itself.
 */
export function handOnOptions(
  command: Command,
  settings: GivenSettings,
  apart: readonly string[] = [],
): string[] {
  const flags = SETTING_NAMES.flatMap((name) =>
    settings[name] === undefined ? [] : [flagOf(name), String(settings[name])],
  );
  const named = [...SETTING_NAMES.map(flagOf), '--config', ...apart];
  const others = trainOptions().filter(({ long }) => !named.includes(long ?? ''));
  return [...flags, ...handOn(command, others)];
}

/** The words for those options that were given to the parsed command. */
export function handOn(command: Command, options: readonly Option[]): string[] {
  return options
    .filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
    .flatMap((option) => {
      const value = String(command.getOptionValue(option.attributeName()));
      return option.isBoolean() ? [option.long!] : [option.long!, value];
    });
}
