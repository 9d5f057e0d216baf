/** Draws a figure, one or more charts side by side, as PNG or SVG with ECharts. */
import { createCanvas } from '@napi-rs/canvas';
import { CustomChart, HeatmapChart, LineChart } from 'echarts/charts';
import {
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TitleComponent,
  VisualMapComponent,
} from 'echarts/components';
import { init, setPlatformAPI, use } from 'echarts/core';
import { CanvasRenderer, SVGRenderer } from 'echarts/renderers';
import type { Chart } from './chart.ts';
import { registerFont } from './font.ts';
import type { Theme } from './theme.ts';

use([
  CanvasRenderer,
  CustomChart,
  GridComponent,
  HeatmapChart,
  LegendComponent,
  LineChart,
  MarkAreaComponent,
  MarkLineComponent,
  SVGRenderer,
  TitleComponent,
  VisualMapComponent,
]);
// ECharts measures text on its own canvas. Skia's canvas has the methods it needs, though it isn't a DOM element.
type BrowserCanvas = ReturnType<NonNullable<Parameters<typeof setPlatformAPI>[0]['createCanvas']>>;
setPlatformAPI({
  createCanvas: () => createCanvas(1, 1) as unknown as BrowserCanvas,
  // ECharts paints a heatmap for 15 ms and the rest in a later frame, which never comes here.
  getTime: () => 0,
});

/** Position of a chart in its figure [px]. */
interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Figure {
  width: number;
  height: number;
  background: string;
  panels: readonly { box: Box; chart: Chart }[];
}

/** A figure of one chart with a margin. */
export function framed(theme: Theme, chart: Chart, width: number, height: number): Figure {
  const room = 8;
  const box = { left: room, top: room, width: width - 2 * room, height: height - 2 * room };
  return { width, height, background: theme.background, panels: [{ box, chart }] };
}

/** PNG pixels per figure pixel: sharp on high-density displays and in print. */
const PNG_SCALE = 2;

/** The figure as a PNG with twice its width and height. */
export function drawPng(figure: Figure): Uint8Array {
  registerFont();
  const canvas = createCanvas(figure.width * PNG_SCALE, figure.height * PNG_SCALE);
  const context = canvas.getContext('2d');
  context.fillStyle = figure.background;
  context.fillRect(0, 0, canvas.width, canvas.height);
  for (const { box, chart } of figure.panels) {
    const { width, height } = box;
    const panel = createCanvas(width * PNG_SCALE, height * PNG_SCALE);
    const drawing = init(panel, null, { renderer: 'canvas', width, height, devicePixelRatio: PNG_SCALE });
    drawing.setOption(chart);
    context.drawImage(panel, box.left * PNG_SCALE, box.top * PNG_SCALE);
    drawing.dispose();
  }
  return canvas.toBuffer('image/png');
}

/** The figure as one SVG element. */
export function drawSvg(figure: Figure): string {
  registerFont();
  const { width, height, background } = figure;
  const panels = figure.panels.map(({ box, chart }) => {
    const drawing = init(null, null, { renderer: 'svg', ssr: true, width: box.width, height: box.height });
    drawing.setOption(chart);
    const svg = drawing.renderToSVGString();
    drawing.dispose();
    return `<g transform="translate(${box.left} ${box.top})">${svg}</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<rect width="${width}" height="${height}" fill="${background}"/>`,
    ...panels,
    '</svg>',
  ].join('\n');
}
