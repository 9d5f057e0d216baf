import { Command } from 'commander';
import { jsonOption } from '../../options/command-options.ts';
import { splitLocation } from '../../storage/location.ts';
import { openStore } from '../../storage/open.ts';
import { probeWriting } from '../../storage/probe.ts';
import { printResult } from '../terminal.ts';

export function compareCommand(): Command {
  return new Command('compare')
    .argument(
      '<MODELS...>',
      'two to eight trainings: folders or s3:// locations that train wrote to, or ..._weights.npz of single trainings',
    )
    .option('--out <html>', 'output file: a page in the style of report.html (default: only print)')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nFAR is the false-alarm rate: the share of noise records above a threshold.' +
        '\n\nExample:\n  chirpline compare models/diy models/coherent --out comparison.html',
    )
    .action(async (models: string[], { out, json }: { out?: string; json?: boolean }) => {
      const { compareTrainings } = await import('../../evaluation/comparison.ts');
      const { describeComparison, summarizeComparison } = await import(
        '../../evaluation/comparison-values.ts'
      );
      const { readTrainings } = await import('../../evaluation/trainings.ts');
      const target = out === undefined ? undefined : splitLocation(out);
      const store = target && openStore(target.folder);
      if (store) await probeWriting(store, target.key);
      const trainings = [];
      for (const model of models) trainings.push(...(await readTrainings(model)));
      const comparison = compareTrainings(trainings);
      if (store) {
        const { renderComparison } = await import('../../evaluation/comparison-page.ts');
        const page = renderComparison(comparison, new Date());
        await store.write(target.key, new TextEncoder().encode(page));
      }
      printResult(
        json,
        { out: out ?? null, ...summarizeComparison(comparison) },
        `${describeComparison(comparison)}${out === undefined ? '' : `\n\npage: ${out}`}`,
      );
    });
}
