import { Command, Option } from 'commander';
import { SettingError, TooManyRejectedError } from '../../core/errors.ts';
import {
  deviceOption,
  jsonOption,
  maxRejectedOption,
  splitLocation,
  whole,
} from '../../options/command-options.ts';
import { exceeds, formatRejected, formatShare } from '../../preprocess/state/rejected.ts';
import { openStore } from '../../storage/open.ts';
import { probeWriting } from '../../storage/probe.ts';
import { attend, printResult } from '../terminal.ts';

interface PredictFlags {
  out: string;
  psd?: string;
  batchSize: number;
  device: 'auto' | 'cpu' | 'gpu';
  maxRejected: number;
  json?: boolean;
}

export function predictCommand(): Command {
  return (
    new Command('predict')
      .description('write the probability of a signal for each sample')
      .usage('[options] <WEIGHTS...> <RAW_OR_RECORDS>')
      // Only the last argument may be a list, so that this one holds the data as well.
      .argument(
        '<WEIGHTS... RAW_OR_RECORDS...>',
        'a ..._weights.npz, or several, of whose probabilities the mean is taken; then raw samples (labels are not needed), or records',
      )
      .requiredOption('--out <csv>', 'gets the rows id,target; what is rejected goes to <csv>.rejected.csv')
      .option('--psd <file>', 'avg_psd.npz to whiten raw samples by (default: the one beside the weights)')
      .addOption(
        new Option('--batch-size <n>', 'samples that go through the model together')
          .argParser(whole(1, 65_536))
          .default(64),
      )
      .addOption(deviceOption())
      .addOption(maxRejectedOption())
      .addOption(jsonOption())
      .addHelpText(
        'after',
        '\nExamples:\n  chirpline predict models/g2net/saved/diy_20260102_0304_weights.npz g2net/test --out submission.csv' +
          '\n  chirpline predict models/g2net/saved/*_weights.npz g2net/test --out submission.csv',
      )
      .action(async (places: string[], flags: PredictFlags) => {
        const weights = places.slice(0, -1).map(splitLocation);
        const data = places.at(-1)!;
        if (weights.length === 0)
          throw new SettingError(`${data}: give WEIGHTS and, behind them, RAW_OR_RECORDS`);
        const { out, psd, batchSize, device, maxRejected, json } = flags;
        const settings = {
          batchSize,
          device,
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
        // Of an earlier prediction, it would be taken for this one's.
        if (rejected.length === 0) await store.remove(rejectedKey);
        else await store.write(rejectedKey, new TextEncoder().encode(formatRejected(rejected)));
        const inputs = ids.length + rejected.length;
        if (exceeds(rejected.length, inputs, maxRejected)) {
          throw new TooManyRejectedError(
            `${rejected.length} of ${inputs} samples were rejected, more than the tolerated ${formatShare(maxRejected)}. ` +
              `${out}.rejected.csv says which; no prediction was written. Mend them, or allow more (--max-rejected).`,
          );
        }
        await store.write(key, new TextEncoder().encode(formatSubmission(predictions)));
        const left = rejected.length === 0 ? '' : `, ${rejected.length} rejected (${out}.rejected.csv)`;
        const result = { out, predicted: ids.length, rejected: rejected.length, models: weights.length };
        const mean = weights.length === 1 ? '' : `, means of ${weights.length} models`;
        printResult(json, result, `${ids.length} predictions${mean}${left}: ${out}`);
      })
  );
}
