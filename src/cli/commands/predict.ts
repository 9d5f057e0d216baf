import { Command } from 'commander';
import { SettingError, TooManyRejectedError } from '../../core/errors.ts';
import { whole } from '../../core/setting.ts';
import {
  compileOption,
  deviceOption,
  jsonOption,
  preprocessOption,
  settingOption,
  splitLocation,
  workersOption,
} from '../../options/command-options.ts';
import { exceeds, formatRejected, formatShare } from '../../preprocess/state/rejected.ts';
import { openStore } from '../../storage/open.ts';
import { probeWriting } from '../../storage/probe.ts';
import { attend, printResult } from '../terminal.ts';

interface PredictFlags {
  out: string;
  psd?: string;
  workers?: number;
  batchSize: number;
  device: 'auto' | 'cpu' | 'gpu';
  compile: 'auto' | 'on' | 'off';
  maxRejected: number;
  json?: boolean;
}

export function predictCommand(): Command {
  return (
    new Command('predict')
      .description('predict the probability of a signal for each sample')
      .usage('[options] <WEIGHTS...> <RAW_OR_RECORDS>')
      // Commander allows a list only as the last argument, so the list holds the data as well.
      .argument(
        '<WEIGHTS... RAW_OR_RECORDS...>',
        'weights of one or more models, ..._weights.npz (the probabilities of several are averaged); then raw samples (labels are not needed) or records',
      )
      .requiredOption(
        '--out <csv>',
        'output file with a row id,target for each sample; rejected samples are listed in <csv>.rejected.csv',
      )
      .option('--psd <file>', 'avg_psd.npz to whiten raw samples with (default: the one next to the weights)')
      .addOption(workersOption())
      .addOption(settingOption('batchSize', whole('samples per batch', 1, 65_536), 64))
      .addOption(deviceOption())
      .addOption(compileOption())
      .addOption(preprocessOption('maxRejected'))
      .addOption(jsonOption())
      .addHelpText(
        'after',
        '\nExamples:\n  chirpline predict models/g2net/saved/diy_20260102_0304_weights.npz g2net/test \\' +
          '\n    --out submission.csv' +
          '\n  chirpline predict models/g2net/saved/*_weights.npz g2net/test \\' +
          '\n    --out submission.csv',
      )
      .action(async (places: string[], flags: PredictFlags) => {
        const weights = places.slice(0, -1).map(splitLocation);
        const data = places.at(-1)!;
        if (weights.length === 0)
          throw new SettingError(`only ${data} was given: give WEIGHTS first, then RAW_OR_RECORDS`);
        const { out, psd, workers, batchSize, device, compile, maxRejected, json } = flags;
        const settings = {
          batchSize,
          device,
          compile,
          ...(workers !== undefined && { workers }),
          ...(psd !== undefined && { psd: splitLocation(psd) }),
        };
        const { formatSubmission, predictDataset } = await import('../../inference/prediction-run.ts');
        const { folder, key } = splitLocation(out);
        const store = openStore(folder);
        await probeWriting(store, key);
        const predictions = await attend((terminal, stop) =>
          predictDataset(weights, data, settings, terminal, stop),
        );
        const { rejected, ids } = predictions;
        const rejectedKey = `${key}.rejected.csv`;
        // The file of an earlier prediction would be taken for this one's.
        if (rejected.length === 0) await store.remove(rejectedKey);
        else await store.write(rejectedKey, new TextEncoder().encode(formatRejected(rejected)));
        const inputs = ids.length + rejected.length;
        if (exceeds(rejected.length, inputs, maxRejected)) {
          throw new TooManyRejectedError(
            `${rejected.length} of ${inputs} samples were rejected, more than the tolerated ${formatShare(maxRejected)}. ` +
              `No predictions were written. Fix the samples listed in ${out}.rejected.csv, or allow more (--max-rejected)`,
          );
        }
        await store.write(key, new TextEncoder().encode(formatSubmission(predictions)));
        const left = rejected.length === 0 ? '' : `, ${rejected.length} rejected (${out}.rejected.csv)`;
        const result = { out, predicted: ids.length, rejected: rejected.length, models: weights.length };
        const mean = weights.length === 1 ? '' : `, averaged over ${weights.length} models`;
        printResult(json, result, `${ids.length} predictions${mean}${left}: ${out}`);
      })
  );
}
