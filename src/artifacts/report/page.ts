/** A self-contained page: it needs no other files and no network. */
import { type Html, html } from './html.ts';
import { STYLE } from './report-style.ts';

/** The page may use its own styles and images. It can't run scripts or load anything. */
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/** The page as text, with `content` as its main part. */
export function renderPage(title: string, content: Html): string {
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${{ markup: STYLE }}</style>
</head>
<body>
<main>
${content}
</main>
</body>
</html>
`.markup;
}

/** A date, to the minute. */
export function timeOf(date: Date): Html {
  const minute = date.toISOString().slice(0, 16);
  return html`<time datetime="${minute}Z">${minute.replace('T', ' ')} UTC</time>`;
}

/** A wide table that scrolls by itself. Each row is a `<tr>`. */
export function scrollingTable(
  kind: 'figures' | 'rejected' | 'settings',
  label: string,
  columns: readonly string[],
  rows: readonly Html[],
): Html {
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">
<table class="${kind}">
<thead><tr>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>
${rows}
</tbody>
</table>
</div>`;
}
