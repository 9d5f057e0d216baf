import { SettingError } from '../core/errors.ts';

/** What decides every byte of a simulated data set. */
export interface SimulationSettings {
  /** Integer from 0 to 2^53 - 1. */
  seed: number;
  /** Median of the log-normal distribution of the network's optimal SNR; > 0. */
  snrMedian: number;
  /** Standard deviation of the SNR's natural logarithm; >= 0 (0: every signal has the median). */
  snrSigma: number;
  /** Drawn SNRs below are raised to this; > 0. */
  snrMin: number;
  /** Drawn SNRs above are lowered to this; >= snrMin. */
  snrMax: number;
  /** Probability, from 0 to 1, that a sample holds a signal; drawn for each sample by itself. */
  signalShare: number;
}

/** Everything but the seed. Data that is easier to learn from has a higher snrMedian. */
const SIMULATION_DEFAULTS: Omit<SimulationSettings, 'seed'> = {
  snrMedian: 7.5,
  snrSigma: 0.5,
  snrMin: 1.5,
  snrMax: 30,
  signalShare: 0.5,
};

/** The settings given, completed by the defaults. Throws SettingError when one is out of its range. */
export function checkSimulationSettings(
  given: Pick<SimulationSettings, 'seed'> & Partial<SimulationSettings>,
): SimulationSettings {
  const settings = { ...SIMULATION_DEFAULTS, ...given };
  const demand = (holds: boolean, name: keyof SimulationSettings, range: string): void => {
    if (!holds) throw new SettingError(`${name} is ${settings[name]}, needed ${range}`);
  };
  demand(Number.isSafeInteger(settings.seed) && settings.seed >= 0, 'seed', 'an integer from 0 to 2^53 - 1');
  demand(settings.snrMedian > 0 && settings.snrMedian < Infinity, 'snrMedian', 'a number above 0');
  demand(settings.snrSigma >= 0 && settings.snrSigma < Infinity, 'snrSigma', 'a number of at least 0');
  demand(settings.snrMin > 0 && settings.snrMin < Infinity, 'snrMin', 'a number above 0');
  demand(
    settings.snrMax >= settings.snrMin && settings.snrMax < Infinity,
    'snrMax',
    `a number of at least snrMin (${settings.snrMin})`,
  );
  demand(settings.signalShare >= 0 && settings.signalShare <= 1, 'signalShare', 'a number from 0 to 1');
  return settings;
}
