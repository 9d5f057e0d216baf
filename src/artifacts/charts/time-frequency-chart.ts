/** A time-frequency map: a picture of one pixel per cell, with axes. ECharts' heatmaps would take seconds for as many cells. */
import { createCanvas } from '@napi-rs/canvas';
import { baseOf, type Chart, MARGIN, titleOf, valueAxis } from './chart.ts';
import { FONT_SIZE, type Theme } from './theme.ts';

export interface TimeFrequencyMap {
  /** Range of the time axis, from 0 [s]. */
  duration: number;
  /** Range of the logarithmic frequency axis [Hz]. */
  from: number;
  to: number;
  /** Normalized energy, one row for each frequency from the lowest up: cells of equal size. */
  energies: readonly Float64Array[];
}

/** Energy of the brightest colour. In noise alone the largest energy of a sample is about 18. Samples share one scale. */
const BRIGHTEST = 25;
/** Viridis (S. van der Walt, N. Smith, 2015), in steps of an eighth: readable for the colour-blind and in grey. */
const VIRIDIS = [0x440154, 0x472d7b, 0x3b528b, 0x2c728e, 0x21918c, 0x28ae80, 0x5ec962, 0xaddc30, 0xfde725];
/** What ECharts draws: a canvas that isn't a DOM element, as in figure.ts. */
type EChartsImage = HTMLCanvasElement;
/** [Hz] */
const TICKS = [20, 30, 50, 100, 200, 300, 500];

export function timeFrequencyChart(theme: Theme, title: string, map: TimeFrequencyMap): Chart {
  const { duration, from, to } = map;
  const ticks = TICKS.filter((tick) => tick >= from && tick <= to).map(Math.log10);
  const time = valueAxis(theme, { name: 'time [s]', min: 0, max: duration, interval: 0.5 }, 30);
  const range = { min: Math.log10(from), max: Math.log10(to) };
  const format = (value: number): string => (10 ** value).toFixed();
  const frequency = valueAxis(theme, { name: 'frequency [Hz]', ...range, format }, 48);
  const picture = paint(map);
  return {
    ...baseOf(theme),
    title: titleOf(theme, title),
    grid: { ...MARGIN, top: 38, outerBoundsMode: 'none' },
    xAxis: { ...time, splitLine: { show: false } },
    yAxis: {
      ...frequency,
      axisLabel: { ...frequency.axisLabel, customValues: ticks },
      axisTick: { ...frequency.axisTick, customValues: ticks },
      splitLine: { show: false },
    },
    // Only the bar of colours: it colours no series.
    visualMap: {
      type: 'continuous',
      seriesIndex: [],
      min: 0,
      max: BRIGHTEST,
      inRange: { color: VIRIDIS.map((color) => `#${color.toString(16)}`) },
      orient: 'horizontal',
      right: MARGIN.right,
      top: 8,
      padding: 0,
      itemWidth: 10,
      itemHeight: 90,
      text: [`${BRIGHTEST} and more`, 'normalized energy 0'],
      textStyle: { color: theme.muted, fontSize: FONT_SIZE.label },
    },
    series: {
      type: 'custom',
      data: [[0, range.min]],
      // The picture fills the rectangle of the axes.
      renderItem: ({ coordSys }) => {
        const { x, y, width, height } = coordSys as unknown as Record<'x' | 'y' | 'width' | 'height', number>;
        return { type: 'image', style: { x, y, width, height, image: picture } };
      },
    },
  };
}

/** Highest frequency on top. */
function paint({ energies }: TimeFrequencyMap): EChartsImage {
  const [width, height] = [energies[0]?.length ?? 0, energies.length];
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  const pixels = context.createImageData(width, height);
  for (const [row, own] of energies.entries())
    for (const [column, energy] of own.entries())
      pixels.data.set([...colorOf(energy), 255], 4 * ((height - 1 - row) * width + column));
  context.putImageData(pixels, 0, 0);
  return canvas as unknown as EChartsImage;
}

/** Red, green, blue, from 0 to 255. */
function colorOf(energy: number): number[] {
  const place = (Math.min(energy, BRIGHTEST) / BRIGHTEST) * (VIRIDIS.length - 1);
  const below = Math.floor(place);
  const [low, high] = [VIRIDIS[below]!, VIRIDIS[Math.min(below + 1, VIRIDIS.length - 1)]!];
  return [16, 8, 0].map((shift) => {
    const [a, b] = [(low >> shift) & 255, (high >> shift) & 255];
    return Math.round(a + (b - a) * (place - below));
  });
}
