/** The measures as text of at most 80 columns. */

import type { Proportion } from '../training/fit/proportion.ts';
import type { EfficiencyBin } from './efficiency.ts';
import type { Measures } from './evaluation.ts';

export function formatMeasures(measures: Measures): string {
  const { records, signals, noise, auc, auc_interval, loss, partial_auc, recall_at_far } = measures;
  const { efficiency } = measures;
  const range =
    auc_interval && `  95 % interval ${auc_interval.low.toFixed(4)} to ${auc_interval.high.toFixed(4)}`;
  const scores = (['accuracy', 'precision', 'recall', 'specificity'] as const).map(
    (name) => `${name} ${show(measures[name], 3)}`,
  );
  const partial = 'value' in partial_auc ? partial_auc.value.toFixed(4) : `undefined (${partial_auc.reason})`;
  return [
    `${records} records: ${signals} signals, ${noise} noise`,
    `AUC ${show(auc, 4)}${range ?? ''}  loss ${loss.toFixed(4)}`,
    scores.join('  '),
    `partial AUC up to FAR ${rate(partial_auc.far)}: ${partial}`,
    '',
    row(['FAR', 'false alarms', 'signals found', 'recall and 95 % interval']),
    ...recall_at_far.map((point) =>
      'found' in point
        ? row([
            rate(point.far),
            `${point.false_alarms} of ${point.noise}`,
            `${point.found.count} of ${point.found.of}`,
            share(point.found),
          ])
        : row([rate(point.far), `undefined: ${point.reason}`]),
    ),
    ...(efficiency === undefined
      ? []
      : [
          ...binRows('network SNR', 0, efficiency.far, efficiency.snr),
          ...binRows('merger [s]', 2, efficiency.far, efficiency.tc),
        ]),
  ].join('\n');
}

function binRows(
  name: string,
  digits: number,
  far: readonly number[],
  bins: readonly EfficiencyBin[],
): string[] {
  return [
    '',
    row([name, 'signals', ...far.map((value) => `found at FAR ${rate(value)}`)]),
    ...bins.map(({ from, to, found }) =>
      row([
        `${from.toFixed(digits)} to ${to?.toFixed(digits) ?? ''}`.replace(/ to $/, ' and more'),
        String(found[0]?.of ?? ''),
        ...found.map(share),
      ]),
    ),
  ];
}

const WIDTHS = [14, 15, 23, 23];

function row(cells: readonly string[]): string {
  return `  ${cells.map((cell, i) => cell.padEnd(WIDTHS[i]!)).join('')}`.trimEnd();
}

function share({ share, interval: { low, high } }: Proportion): string {
  return `${share.toFixed(3)} (${low.toFixed(3)}-${high.toFixed(3)})`;
}

function rate(far: number): string {
  return far.toExponential();
}

function show(value: number | null, digits: number): string {
  return value?.toFixed(digits) ?? 'undefined';
}
