import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { calibration } from '../../src/artifacts/charts/calibration-chart.ts';
import { escapeHtml, html } from '../../src/artifacts/report/html.ts';
import { renderReport } from '../../src/artifacts/report/report.ts';
import { scratch } from '../support/fixtures.ts';
import { faultsOf, launchBrowser } from './browser.ts';
import { madeUpReport, madeUpResults } from './made-up.ts';

test('inserted text is escaped, inserted HTML is not, and lists are joined', () => {
  const rows = ['a', '<b>'].map((text) => html`<i title="${text}">${text}</i>`);
  assert.equal(
    html`<p>${'"&\''}${3}${rows}</p>`.markup,
    '<p>&quot;&amp;&#39;3<i title="a">a</i>\n<i title="&lt;b&gt;">&lt;b&gt;</i></p>',
  );
  assert.equal(escapeHtml('a\u0000b\u001bc\td\ne'), 'a\ufffdb\ufffdc\td\ne');
});

test('the report shows settings, data, versions, device and all numbers', () => {
  const data = madeUpReport();
  const page = renderReport(data);
  for (const text of [
    data.run,
    '2025-01-31 09:04 UTC',
    '56,046 = 56,040 written + 6 rejected',
    data.config.recipe_hash,
    data.config.psd_sha256,
    data.evaluation.auc!.toFixed(3),
    'mixed (bfloat16), on 2 GPUs',
    'CPU, 2 threads',
    '2.21.0',
    data.note!,
    'NaN or Inf at H1[17]',
  ]) {
    assert.ok(page.includes(escapeHtml(text)), text);
  }
  assert.ok(!/<img src=x|<script/.test(page));
});

test('the report gives the interval of the AUC, and what is found at low false-alarm rates', () => {
  const page = renderReport(madeUpReport());
  assert.match(page, /<dt>AUC \(95 %: 0\.\d{3} to 0\.\d{3}\)<\/dt>/);
  assert.match(
    page,
    /<th scope="row">1e-2<\/th><td>\d\d of 5,\d{3}<\/td>\s<td>[\d,]+ of 5,\d{3}<\/td>\s<td>0\.\d{3}<\/td>\s<td>0\.\d{3} to 0\.\d{3}<\/td>/,
  );
  assert.match(
    page,
    /<th scope="row">1e-4<\/th><td colspan="4">not defined: \d+ noise samples, needed 10000<\/td>/,
  );
});

test('calibration compares the mean probability of each tenth with its share of signals', () => {
  const points = calibration({
    labels: Uint8Array.of(0, 1, 1, 1, 0),
    probabilities: Float64Array.of(0.02, 0.06, 1, 0.95, 0.55),
  });
  assert.deepEqual(
    points.map(({ x, count, of }) => [x.toFixed(3), count, of]),
    [
      ['0.040', 1, 2],
      ['0.550', 0, 1],
      ['0.975', 2, 2],
    ],
  );
});

test('the report counts records that training skipped', () => {
  const data = madeUpReport();
  assert.ok(!renderReport(data).includes('skipped'));
  const fewer = { ...data.data, training: data.data.training - 2 };
  assert.match(renderReport({ ...data, data: fewer }), /<dt>skipped<\/dt><dd>2 damaged<\/dd>/);
});

test('a report without rejected samples says so, and one without a note shows none', () => {
  const { note, ...data } = madeUpReport(madeUpResults({ epochs: 1, records: 20, signals: 0 }));
  const counts = { ...data.data, input: data.data.written, rejected: 0 };
  const page = renderReport({ ...data, data: counts, rejected: [] });
  assert.ok(note !== undefined && !page.includes(note));
  assert.ok(page.includes('None: every raw sample became a record.'));
});

test('a long list of rejected samples is truncated, and the page gives their number', () => {
  const data = madeUpReport(madeUpResults({ epochs: 1, records: 20 }));
  const rejected = Array.from({ length: 80 }, (_, i) => ({ id: `id-${i}-`, file: 'f', reason: 'r' }));
  const counts = { ...data.data, input: data.data.written + 1234, rejected: 1234 };
  const page = renderReport({ ...data, data: counts, rejected });
  assert.ok(page.includes('The first 50 of 1,234.'));
  assert.ok(page.includes('id-49-') && !page.includes('id-50-'));
});

test('counts that do not add up are refused', () => {
  const data = madeUpReport(madeUpResults({ epochs: 1, records: 20 }));
  assert.throws(
    () => renderReport({ ...data, data: { ...data.data, rejected: 5 } }),
    /56046 raw samples are not 56040 written \+ 5 rejected/,
  );
});

test('browsers show the report on phones and wide screens, light and dark, and load nothing else', async (t) => {
  const file = join(scratch(t), 'report.html');
  writeFileSync(file, renderReport(madeUpReport()));
  const browser = await launchBrowser();
  t.after(() => browser.close());
  const backgrounds = new Set<string>();
  const pictures = new Set<string>();
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [320, 390, 1440]) {
      const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
      const said: string[] = [];
      const requested: string[] = [];
      page.on('console', (message) => said.push(message.text()));
      page.on('pageerror', (error) => said.push(error.message));
      page.on('request', (request) => requested.push(request.url()));
      await page.goto(pathToFileURL(file).href);
      assert.deepEqual(await faultsOf(page), [], `${colorScheme} ${width}`);
      assert.deepEqual(said, []);
      assert.deepEqual(
        requested.filter((url) => !url.startsWith('data:')),
        [pathToFileURL(file).href],
      );
      backgrounds.add(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
      pictures.add(await page.evaluate('document.images[0].currentSrc'));
      assert.equal(await page.evaluate("document.querySelectorAll('.rejected tbody tr').length"), 6);
      await page.close();
    }
  }
  assert.deepEqual([backgrounds.size, pictures.size], [2, 2]);

  // The same checks find the faults of a bad page.
  const page = await browser.newPage({ viewport: { width: 390, height: 900 } });
  await page.setContent(
    `<h1>a</h1><h1>b</h1><img src="data:,x"><div style="width:999px">x</div><table></table>
<p style="width:2em"><time>2025-01-31</time></p>`,
  );
  const faults = [
    'date in several lines',
    'not one h1',
    'picture not loaded',
    'picture without text',
    'table without header',
  ];
  assert.deepEqual((await faultsOf(page)).sort(), [...faults, 'wider than the window']);
});
