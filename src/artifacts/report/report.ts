/** report.html: a self-contained page about a training. It needs no other files and no network. */

import { keyNumbers } from '../charts/dashboard.ts';
import { formatCount } from '../charts/prediction-charts.ts';
import { totalSeconds } from '../metrics-file.ts';
import { type Html, html } from './html.ts';
import { renderPage, timeOf } from './page.ts';
import type { ReportData } from './report-data.ts';
import { trainingFigures, validationFigures } from './report-figures.ts';
import {
  dataFacts,
  epochTable,
  factCard,
  recallTable,
  rejectedTable,
  settingFacts,
} from './report-tables.ts';

/**
 * The report as HTML.
 *
 * @throws RangeError when the results contradict themselves, or input is not written + rejected.
 * @throws MachineError when the font is missing.
 */
export function renderReport(data: ReportData): string {
  const { input, written, rejected } = data.data;
  if (input !== written + rejected) {
    throw new RangeError(`${input} raw samples are not ${written} written + ${rejected} rejected`);
  }
  return renderPage(
    `${data.run}: training report`,
    html`${header(data)}
<section aria-labelledby="training">
<h2 id="training">Training</h2>
<div class="plots">
${trainingFigures(data.history)}
</div>
</section>
<section aria-labelledby="validation">
<h2 id="validation">Validation</h2>
<div class="plots large">
${validationFigures(data)}
</div>
<h3 class="table">Signals found at low false-alarm rates</h3>
${recallTable(data.evaluation)}
</section>
<section aria-labelledby="run">
<h2 id="run">Data and settings</h2>
<div class="cards">
${factCard('Data', dataFacts(data))}
${factCard('Settings', settingFacts(data.config))}
${factCard('Software and device', [...Object.entries(data.versions), ['device', data.device]])}
</div>
</section>
<section aria-labelledby="rejected">
<h2 id="rejected">Rejected samples</h2>
${rejectedTable(data.rejected, rejected)}
</section>
<section aria-labelledby="epochs">
<h2 id="epochs">Epochs</h2>
${epochTable(data.history)}
</section>
<footer>${data.run}, ${timeOf(data.date)}</footer>`,
  );
}

function header(data: ReportData): Html {
  const { dataset, training, validation } = data.data;
  const minutes = (totalSeconds(data.history) / 60).toFixed(1);
  return html`<header>
<h1>${data.run}</h1>
<p class="muted">Trained on ${formatCount(training)} records of ${dataset} for ${data.history.epochs.length} epochs
(${minutes} minutes), validated on ${formatCount(validation)} others. ${timeOf(data.date)}.</p>
${data.note === undefined ? [] : [html`<p class="note"><strong>Note:</strong> ${data.note}</p>`]}
<dl class="numbers">
${keyNumbers(data).map(({ name, value }) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
</dl>
</header>`;
}
