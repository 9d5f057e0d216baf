import { Command, Option } from 'commander';
import { formatSubmission, predictDataset } from '../pipeline/predict.ts';
import { formatRejected } from '../pipeline/rejected.ts';
import { openStore } from '../storage/open.ts';
import { deviceOption, jsonOption, maxRejectedOption, splitLocation, whole } from './options.ts';
import { openTerminal, printResult, stopOnSignal } from './terminal.ts';

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
      const terminal = openTerminal();
      const stop = stopOnSignal();
      const settings = {
        batchSize,
        device,
        maxRejected,
        ...(psd !== undefined && { psd: splitLocation(psd) }),
      };
      try {
        const predictions = await predictDataset(splitLocation(weights), data, settings, terminal, stop);
        const { folder, key } = splitLocation(out);
        const store = await openStore(folder);
        const { rejected, ids } = predictions;
        if (rejected.length > 0) {
          await store.write(`${key}.rejected.csv`, new TextEncoder().encode(formatRejected(rejected)));
        }
        await store.write(key, new TextEncoder().encode(formatSubmission(predictions)));
        terminal.close();
        const left = rejected.length === 0 ? '' : `, ${rejected.length} rejected (${out}.rejected.csv)`;
        printResult(
          json,
          { out, predicted: ids.length, rejected: rejected.length },
          `${ids.length} predictions${left}: ${out}`,
        );
      } finally {
        terminal.close();
      }
    });
}
