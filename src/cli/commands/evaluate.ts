import { Command } from 'commander';
import { SettingError } from '../../core/errors.ts';
import { whole } from '../../core/setting.ts';
import {
  compileOption,
  deviceOption,
  jsonOption,
  settingOption,
  ttaOption,
} from '../../options/command-options.ts';
import { splitLocation } from '../../storage/location.ts';
import { openStore } from '../../storage/open.ts';
import { probeWriting } from '../../storage/probe.ts';
import { attend, printResult } from '../terminal.ts';

interface EvaluateFlags {
  truth?: string;
  batchSize: number;
  tta?: boolean;
  device: 'auto' | 'cpu' | 'gpu';
  compile: 'auto' | 'on' | 'off';
  json?: boolean;
}

export function evaluateCommand(): Command {
  return (
    new Command('evaluate')
      .usage('[options] <WEIGHTS...> <RECORDS> [OUT]')
      // Commander allows a list only as the last argument, so the list holds the records and OUT as well.
      .argument(
        '<WEIGHTS... RECORDS OUT...>',
        'weights of one or more models, ..._weights.npz (the probabilities of several are averaged); then labelled records that they were not trained on; then a folder for evaluation.json and the plots (default: only print)',
      )
      .option(
        '--truth <csv>',
        "truth.csv of the records' samples, as simulate writes it: adds the share of signals found by network SNR (snr_net) and merger time (tc)",
      )
      .addOption(settingOption('batchSize', whole('samples per batch', 1, 65_536), 64))
      .addOption(ttaOption())
      .addOption(deviceOption())
      .addOption(compileOption())
      .addOption(jsonOption())
      .addHelpText(
        'after',
        '\nFAR is the false-alarm rate: the share of noise samples above a threshold.' +
          '\n\nExample:\n  chirpline evaluate models/g2net/saved/diy_20260102_0304_weights.npz \\' +
          '\n    records/test evaluations/diy --truth test/truth.csv',
      )
      .action(async (places: string[], { truth, json, ...settings }: EvaluateFlags) => {
        const first = places.findIndex((place) => !place.endsWith('.npz'));
        const [records, out, ...others] = first < 1 ? [] : places.slice(first);
        if (records === undefined || others.length > 0)
          throw new SettingError(
            `found ${places.join(' ')}, needed files ..._weights.npz, then RECORDS, then OUT or nothing`,
          );
        const { evaluateModels, EVALUATION_KEY, writeEvaluation } = await import(
          '../../evaluation/evaluation-run.ts'
        );
        const { formatMeasures } = await import('../../evaluation/evaluation-table.ts');
        const store = out === undefined ? undefined : openStore(out);
        if (store !== undefined) await probeWriting(store, EVALUATION_KEY);
        const weights = places.slice(0, first);
        const evaluated = await attend((terminal, stop) =>
          evaluateModels(
            weights.map(splitLocation),
            records,
            settings,
            truth === undefined ? undefined : splitLocation(truth),
            terminal,
            stop,
          ),
        );
        const origin = { weights, data: records, truth: truth ?? null, tta: settings.tta ?? false };
        if (store !== undefined) await writeEvaluation(store, origin, evaluated);
        const { measures } = evaluated;
        printResult(json, { ...origin, ...measures }, formatMeasures(measures));
      })
  );
}
