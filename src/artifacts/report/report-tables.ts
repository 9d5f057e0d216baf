/** The tables of report.html. */

import { operatingPoints } from '../../training/fit/false-alarms.ts';
import { shortNumber } from '../charts/chart.ts';
import { formatScore } from '../charts/dashboard.ts';
import { formatCount } from '../charts/prediction-charts.ts';
import type { RunConfig } from '../config.ts';
import { bestEpoch, type Evaluation, type History } from '../results.ts';
import { type Html, html } from './html.ts';
import { scrollingTable } from './page.ts';
import type { ReportData } from './report-data.ts';

/** At most this many rejected samples are listed; rejected.csv has all of them. */
const REJECTED_LIMIT = 50;

type Fact = readonly [name: string, value: string];

/** A card that lists names and values. */
export function factCard(title: string, facts: readonly Fact[]): Html {
  return html`<div class="card">
<h3>${title}</h3>
<dl class="facts">
${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}
</dl>
</div>`;
}

/** Facts about raw samples and records. */
export function dataFacts({ data, config }: ReportData): Fact[] {
  return [
    ['dataset', data.dataset],
    [
      'raw samples',
      `${formatCount(data.input)} = ${formatCount(data.written)} written + ${formatCount(data.rejected)} rejected`,
    ],
    ['training', `${formatCount(data.training)} records`],
    ['validation', `${formatCount(data.validation)} records`],
    ...skippedFact(data),
    ['stored as', data.dtype],
    ['records', config.records],
    ['recipe hash', config.recipe_hash],
    ['PSD SHA-256', config.psd_sha256],
  ];
}

/** Damaged records that training skipped (`--on-corrupt skip`). */
function skippedFact({ written, training, validation }: ReportData['data']): Fact[] {
  const count = written - training - validation;
  return count === 0 ? [] : [['skipped', `${formatCount(count)} damaged`]];
}

/** How the model was trained. */
export function settingFacts(config: RunConfig): Fact[] {
  return [
    ['preset', config.preset],
    ['points per detector', formatCount(config.n_samples)],
    ['maximum epochs', String(config.epochs)],
    ['batch size', String(config.batch_size)],
    ['learning rate', `${config.learning_rate}, ${config.schedule}`],
    ['dropout', String(config.dropout_rate)],
    ...(config.init === undefined ? [] : [['initial weights', config.init] as const]),
    ...(config.signals === undefined ? [] : [['injected signals', describeInjection(config)] as const]),
    ['augmentation', describeAugmentation(config)],
    ...(config.average_weights > 0
      ? [['averaged weights', `decay ${config.average_weights} per step`] as const]
      : []),
    ['precision', describePrecision(config)],
    [
      'validation',
      config.folds > 1
        ? `fold ${config.fold} of ${config.folds}`
        : `the first ${config.validation_split * 100} %`,
    ],
    ['seed', String(config.seed)],
  ];
}

function describePrecision({ precision, compute_dtype, n_gpus }: RunConfig): string {
  const shown = precision === 'mixed' ? `mixed (${compute_dtype})` : precision;
  return n_gpus > 1 ? `${shown}, on ${n_gpus} GPUs` : shown;
}

function describeInjection({ signals, snr, snr_median, snr_sigma, snr_min, snr_max }: RunConfig): string {
  const shape = snr === 'lognormal' ? `log-normal (median ${snr_median}, sigma ${snr_sigma})` : 'uniform';
  return `${signals}; SNR ${shape}, ${snr_min} to ${snr_max}`;
}

function describeAugmentation({
  recombine,
  time_shift,
  sign_flip,
  detector_swap,
  time_mask,
  noise,
  mixup,
}: RunConfig): string {
  const parts = [
    recombine && 'recombined noise',
    time_shift > 0 && `shifts of ${time_shift} ms`,
    sign_flip && 'sign flips',
    detector_swap && 'H1/L1 swaps',
    time_mask > 0 && `time masks of up to ${time_mask * 100} %`,
    noise > 0 && `noise ${noise}`,
    mixup > 0 && `mixup ${mixup}`,
  ].filter((part) => part !== false);
  return parts.length === 0 ? 'none' : parts.join(', ');
}

/** The first rejected samples, or a sentence if there are none or they aren't known. `total` counts all. */
export function rejectedTable(samples: ReportData['rejected'], total: number): Html {
  if (total === 0) return html`<p>None: every raw sample became a record.</p>`;
  const shown = samples.slice(0, REJECTED_LIMIT);
  if (shown.length === 0)
    return html`<p>${formatCount(total)} in total. Their list is not available here.</p>`;
  const count =
    shown.length === total
      ? `${formatCount(total)} in total.`
      : `The first ${shown.length} of ${formatCount(total)}. rejected.csv next to the records lists all of them.`;
  return html`<p>${count}</p>
${scrollingTable(
  'rejected',
  'Rejected samples',
  ['Sample', 'File', 'Reason'],
  shown.map(({ id, file, reason }) => html`<tr><td>${id}</td><td>${file}</td><td>${reason}</td></tr>`),
)}`;
}

/** One row per epoch; the best epoch is marked. */
export function epochTable(history: History): Html {
  const columns = [
    'Epoch',
    'Training loss',
    'Validation loss',
    'Accuracy',
    'AUC',
    'Learning rate',
    'Seconds',
  ];
  const best = bestEpoch(history);
  const rows = history.epochs.map((epoch) => {
    const cells = [
      formatScore(epoch.loss),
      formatScore(epoch.val_loss),
      formatScore(epoch.val_accuracy),
      formatScore(epoch.val_auc),
      shortNumber(epoch.learning_rate),
      epoch.seconds.toFixed(1),
    ];
    const isBest = epoch === best;
    return html`<tr${isBest ? [html` class="best"`] : []}><th scope="row">${epoch.epoch}${isBest ? ' best' : ''}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`;
  });
  return scrollingTable('figures', 'Epochs', columns, rows);
}

/** What the lowest threshold finds that keeps the false alarms below each rate. */
export function recallTable({ labels, logits }: Evaluation): Html {
  const columns = ['False-alarm rate', 'False alarms', 'Signals found', 'Recall', '95 % interval'];
  const rows = operatingPoints(labels, logits).map((point) => {
    const name = html`<th scope="row">${point.far.toExponential()}</th>`;
    if (!('found' in point)) return html`<tr>${name}<td colspan="4">not defined: ${point.reason}</td></tr>`;
    const { count, of, share, interval } = point.found;
    const cells = [
      `${formatCount(point.false_alarms)} of ${formatCount(point.noise)}`,
      `${formatCount(count)} of ${formatCount(of)}`,
      formatScore(share),
      `${formatScore(interval.low)} to ${formatScore(interval.high)}`,
    ];
    return html`<tr>${name}${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`;
  });
  return scrollingTable('figures', 'Recall at low false-alarm rates', columns, rows);
}
