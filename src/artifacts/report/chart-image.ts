/** A chart in a page, for light and dark ones, with a caption and an alternative text. */
import type { Chart } from '../charts/chart.ts';
import { drawSvg, framed } from '../charts/figure.ts';
import { DARK, LIGHT, type Theme } from '../charts/theme.ts';
import { type Html, html } from './html.ts';

/** Small enough to stay readable when a phone scales it down [px]. */
const SIZE = { width: 420, height: 340 } as const;

export function figure(draw: (theme: Theme) => Chart, caption: string, alt: string): Html {
  const { width, height } = SIZE;
  const image = (theme: Theme): string => dataUrl(drawSvg(framed(theme, draw(theme), width, height)));
  return html`<figure>
<picture>
<source media="(prefers-color-scheme: dark)" srcset="${image(DARK)}">
<img src="${image(LIGHT)}" width="${width}" height="${height}" alt="${alt}">
</picture>
<figcaption>${caption}</figcaption>
</figure>`;
}

function dataUrl(svg: string): string {
  return `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
}
