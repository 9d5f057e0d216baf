import { Command, Option } from 'commander';
import { formatRejected } from '../pipeline/rejected.ts';
import { openStore } from '../storage/open.ts';
import { deviceOption, jsonOption, maxRejectedOption, splitLocation, whole } from './options.ts';
import { attend, printResult } from './terminal.ts';

interface PredictFlags {
  out: string;
  psd?: string;
  batchSize: number;
  device: 'auto' | 'cpu' | 'gpu';
  maxRejected: number;
  json?: boolean;
}

export function predictCommand(): Command {
  return new Command('predict')
    .description('write the probability of a signal for each sample')
    .argument('<WEIGHTS>', 'a ..._weights.npz')
    .argument('<RAW_OR_RECORDS>', 'raw samples (labels are not needed), or records')
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
      '\nExample:\n  chirpline predict models/g2net/saved/diy_20260102_0304_weights.npz g2net/test --out submission.csv',
    )
    .action(async (weights: string, data: string, flags: PredictFlags) => {
      const { out, psd, batchSize, device, maxRejected, json } = flags;
      const settings = {
        batchSize,
        device,
        maxRejected,
        ...(psd !== undefined && { psd: splitLocation(psd) }),
      };
      const { formatSubmission, predictDataset } = await import('../pipeline/predict.ts');
      const predictions = await attend((terminal, stop) =>
        predictDataset(splitLocation(weights), data, settings, terminal, stop),
      );
      const { rejected, ids } = predictions;
      const { folder, key } = splitLocation(out);
      const store = await openStore(folder);
      const write = (name: string, text: string) => store.write(name, new TextEncoder().encode(text));
      if (rejected.length > 0) await write(`${key}.rejected.csv`, formatRejected(rejected));
      await write(key, formatSubmission(predictions));
      const left = rejected.length === 0 ? '' : `, ${rejected.length} rejected (${out}.rejected.csv)`;
      const result = { out, predicted: ids.length, rejected: rejected.length };
      printResult(json, result, `${ids.length} predictions${left}: ${out}`);
    });
}
