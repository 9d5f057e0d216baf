/** A comparison as a page, in the style of report.html. */
import { formatScore } from '../artifacts/charts/dashboard.ts';
import { formatCount } from '../artifacts/charts/prediction-charts.ts';
import { figure } from '../artifacts/report/chart-image.ts';
import { type Html, html } from '../artifacts/report/html.ts';
import { renderPage, scrollingTable, timeOf } from '../artifacts/report/page.ts';
import type { Interval } from '../training/fit/auc-interval.ts';
import type { Compared, Comparison } from './comparison.ts';
import { curvesChart, rocsChart } from './comparison-charts.ts';
import { shownRates, shownValue } from './comparison-values.ts';

/** @throws MachineError when the font is missing. */
export function renderComparison({ trainings, differences, warnings }: Comparison, date: Date): string {
  const letters = trainings.map(({ letter }) => letter);
  const title = `Comparison of ${trainings.length} trainings`;
  return renderPage(
    title,
    html`<header>
<h1>${title}</h1>
${warnings.length === 0 ? [] : [html`<p class="note"><strong>Not comparable:</strong> ${warnings.join(' ')}</p>`]}
</header>
<section aria-labelledby="results">
<h2 id="results">Results on the validation records</h2>
${resultTable(trainings)}
<p class="muted">Recall at false-alarm rates. Intervals of 95 %, each of one training alone: on the same records, the difference of two trainings is known
better than both intervals suggest.</p>
</section>
<section aria-labelledby="curves">
<h2 id="curves">Curves</h2>
<div class="plots large">
${figures(trainings)}
</div>
</section>
<section aria-labelledby="settings">
<h2 id="settings">Settings that differ</h2>
${differences.length === 0 ? html`<p>None: all settings, records and initial weights have the same names and values.</p>` : settingTable(letters, differences)}
</section>
<footer>${timeOf(date)}</footer>`,
  );
}

function resultTable(trainings: readonly Compared[]): Html {
  const rates = shownRates(trainings);
  const columns = [
    'Training',
    'Records',
    'Best epoch',
    'Loss',
    'AUC and interval',
    ...rates.map((far) => `Recall at ${far.toExponential()}`),
  ];
  const rows = trainings.map(({ letter, name, epochs, best, auc, validation }) => {
    const cells = [
      validation ? formatCount(validation.records) : 'n/a',
      `${best.epoch} of ${epochs.length}`,
      formatScore(best.val_loss),
      withInterval(auc, validation?.auc_interval),
      ...rates.map((far) => recallAt(validation, far)),
    ];
    return html`<tr><th scope="row">${letter}: ${name}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`;
  });
  return scrollingTable('figures', 'Results', columns, rows);
}

function recallAt(validation: Compared['validation'], far: number): string {
  const point = validation?.recall_at_far.find((one) => one.far === far);
  if (point === undefined || !('found' in point)) return 'n/a';
  return withInterval(point.found.share, point.found.interval);
}

function withInterval(value: number | null, interval: Interval | null | undefined): string {
  if (!interval) return formatScore(value);
  return `${formatScore(value)} (${formatScore(interval.low)}-${formatScore(interval.high)})`;
}

function figures(trainings: readonly Compared[]): Html[] {
  const letters = trainings.map(({ letter }) => letter).join(', ');
  return [
    figure(
      (theme) => rocsChart(theme, trainings),
      'Recall against the rate of false alarms, on a logarithmic axis: a search works at low rates.',
      `ROC curves of ${letters} with a logarithmic axis of the false-alarm rate. The table above has figures.`,
    ),
    figure(
      (theme) => curvesChart(theme, 'Validation AUC', 'AUC', 'val_auc', trainings),
      'How well signals rank above noise, after each epoch.',
      `Validation AUC of each epoch of ${letters}.`,
    ),
    figure(
      (theme) => curvesChart(theme, 'Validation loss', 'binary cross-entropy', 'val_loss', trainings),
      'The loss on the validation records, after each epoch.',
      `Validation loss of each epoch of ${letters}.`,
    ),
    figure(
      (theme) => curvesChart(theme, 'Training loss', 'binary cross-entropy', 'loss', trainings),
      'With other augmentations or signals, a training has another task: its loss is then no measure of its model.',
      `Training loss of each epoch of ${letters}.`,
    ),
  ];
}

function settingTable(letters: readonly string[], differences: Comparison['differences']): Html {
  const rows = differences.map(
    ({ name, values }) =>
      html`<tr><th scope="row">${name}</th>${values.map((value) => html`<td>${shownValue(value)}</td>`)}</tr>`,
  );
  return scrollingTable('settings', 'Settings that differ', ['Setting', ...letters], rows);
}
