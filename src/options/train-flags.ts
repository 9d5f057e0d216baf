/** What a person says of a training: its settings, by file and flags, and how these go along to where it will run. */
import type { Command } from 'commander';
import { CONFIG_LIMIT, parseConfig } from '../artifacts/config.ts';
import { readLimited } from '../storage/limited.ts';
import { openStore } from '../storage/open.ts';
import { flagOf, type GivenSettings, SETTING_NAMES } from '../training/settings.ts';
import type { TrainOptions } from '../training-run/training-run.ts';
import { givenSettings, splitLocation, trainOptions } from './command-options.ts';

/** How a training is run; the settings are flags too, see givenSettings. */
export interface TrainFlags extends Omit<TrainOptions, 'fresh'> {
  config?: string;
  fresh?: true;
  json?: boolean;
}

/** Settings of the config file, and over them those of the flags. */
export async function readSettings(flags: TrainFlags): Promise<GivenSettings> {
  const given = givenSettings({ ...flags });
  if (flags.config === undefined) return given;
  const { folder, key } = splitLocation(flags.config);
  const text = new TextDecoder().decode(await readLimited(openStore(folder), key, CONFIG_LIMIT));
  return { ...parseConfig(text, flags.config), ...given };
}

/**
 * The words of a `chirpline train` elsewhere that says the same: what the config file says, since the file stays here,
 * and how the training is run, where that was said. What wasn't is left to the defaults of the version that trains.
 *
 * @param command was parsed, and has the options of trainOptions.
 * @param apart names of options that the caller deals with itself.
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
  const manner = trainOptions()
    .filter(({ long }) => !named.includes(long ?? ''))
    .filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
    .flatMap((option) => {
      const value = String(command.getOptionValue(option.attributeName()));
      return option.isBoolean() ? [option.long!] : [option.long!, value];
    });
  return [...flags, ...manner];
}
