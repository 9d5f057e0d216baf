import { Command } from 'commander';
import { visible } from '../../core/visible.ts';
import { inspectFile } from '../../inspect/inspection.ts';
import { jsonOption } from '../../options/command-options.ts';
import { readPsd } from '../../preprocess/average-psd.ts';
import { splitLocation } from '../../storage/location.ts';
import { openStore } from '../../storage/open.ts';
import { printResult } from '../terminal.ts';

interface InspectFlags {
  plot?: string;
  sample?: string;
  psd?: string;
  json?: boolean;
}

export function inspectCommand(): Command {
  return new Command('inspect')
    .argument('<FILE>', 'file to inspect')
    .option(
      '--plot <png>',
      'plot a raw sample or a record into this file: strain at each stage, constant-Q transform, cross-correlations',
    )
    .option('--sample <id>', 'sample to plot (default: the first)')
    .option('--psd <file>', 'avg_psd.npz to whiten the plotted raw sample with (default: its own spectrum)')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  chirpline inspect raw/train/0/2/0/0203d6b63a.npy --plot sample.png \\' +
        '\n    --psd records/avg_psd.npz' +
        '\n\nThe exit code is 1 if the file is broken.',
    )
    .action(async (file: string, flags: InspectFlags) => {
      const { folder, key } = splitLocation(file);
      const store = openStore(folder);
      const { kind, facts, rows, faults } = await inspectFile(store, key);
      if (flags.plot !== undefined) {
        const { plotFile } = await import('../../inspect/sample-picture.ts');
        const psd = flags.psd === undefined ? undefined : await openPsd(flags.psd);
        const png = await plotFile(store, key, { wanted: flags.sample, psd });
        const target = splitLocation(flags.plot);
        await openStore(target.folder).write(target.key, png);
      }
      printResult(flags.json, { file, kind, ...facts, faults }, describe(file, kind, facts, rows, faults));
      if (faults.length > 0) process.exitCode = 1;
    });
}

async function openPsd(file: string) {
  const { folder, key } = splitLocation(file);
  return (await readPsd(openStore(folder), key)).psd;
}

function describe(file: string, kind: string, facts: object, cells: string[][], faults: string[]): string {
  // Escape control characters before alignment: the file may contain any ids.
  const rows = cells.map((row) => row.map(visible));
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const table = rows.map(
    (row) =>
      `  ${row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd()}`,
  );
  const plain = Object.entries(facts)
    .filter(
      ([, value]) =>
        typeof value !== 'object' || (Array.isArray(value) && value.every((v) => typeof v !== 'object')),
    )
    .map(([name, value]) => `  ${name}: ${Array.isArray(value) ? value.join(', ') : value}`);
  const wrong = faults.length === 0 ? ['all is well'] : faults.map((fault) => `WRONG: ${fault}`);
  const lines = [`${file}: ${kind}`, ...plain, ...(rows.length > 1 ? table : []), ...wrong];
  return lines.map(visible).join('\n');
}
