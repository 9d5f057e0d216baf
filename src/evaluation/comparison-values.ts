/** What of a comparison is shown, and how: on the page, on the terminal and as JSON. */
import type { Compared, Comparison } from './comparison.ts';

/** The false-alarm rates at which at least one training has a recall. */
export function shownRates(trainings: readonly Compared[]): number[] {
  const rates = trainings.flatMap(({ validation }) =>
    (validation?.recall_at_far ?? []).filter((point) => 'found' in point).map(({ far }) => far),
  );
  return [...new Set(rates)];
}

/** A setting's value; of a hash only the start. */
export function shownValue(value: unknown): string {
  if (value === undefined) return 'none';
  const text = String(value);
  return /^[0-9a-f]{64}$/.test(text) ? text.slice(0, 12) : text;
}

/** The comparison as text: letters and names first, then a row of measures for each letter. */
export function describeComparison({ trainings, differences, warnings }: Comparison): string {
  const rates = shownRates(trainings);
  const score = (value: number | null | undefined) =>
    value == null || !Number.isFinite(value) ? '-' : value.toFixed(4);
  const results = trainings.map(({ letter, epochs, best, auc, validation }) => {
    const interval = validation?.auc_interval;
    return [
      letter,
      validation ? String(validation.records) : '-',
      `${best.epoch} of ${epochs.length}`,
      score(auc),
      interval ? `${score(interval.low)} to ${score(interval.high)}` : '-',
      ...rates.map((far) => {
        const point = validation?.recall_at_far.find((one) => one.far === far);
        return point && 'found' in point ? point.found.share.toFixed(3) : '-';
      }),
    ];
  });
  const recalls = rates.map((far) => `at FAR ${far.toExponential()}`);
  return [
    ...trainings.map(({ letter, place }) => `${letter}  ${place}`),
    '',
    ...align([['', 'records', 'best epoch', 'AUC', '95 % interval', ...recalls], ...results]),
    '',
    ...(differences.length === 0
      ? ['no setting differs']
      : align([
          ['setting', ...trainings.map(({ letter }) => letter)],
          ...differences.map(({ name, values }) => [name, ...values.map(shownValue)]),
        ])),
    ...warnings.map((warning) => `\n${warning}`),
  ].join('\n');
}

function align(rows: readonly string[][]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

/** Ready for JSON: without the curves, whose points are in history.json and predictions.csv. */
export function summarizeComparison({ trainings, differences, warnings }: Comparison) {
  return {
    trainings: trainings.map(({ letter, place, epochs, best, auc, validation }) => {
      const { roc: _, ...measures } = validation ?? { roc: undefined };
      return {
        ...{ name: letter, training: place, epochs: epochs.length, best_epoch: best.epoch },
        ...{ best_val_loss: best.val_loss, auc, validation: validation ? measures : null },
      };
    }),
    differences,
    warnings,
  };
}
