/** A line chart in the common style: a title, a legend under it, two named axes, and lines. */
import type { CustomSeriesOption, HeatmapSeriesOption, LineSeriesOption } from 'echarts/charts';
import type {
  GridComponentOption,
  LegendComponentOption,
  MarkAreaComponentOption,
  MarkLineComponentOption,
  TitleComponentOption,
  VisualMapComponentOption,
} from 'echarts/components';
import type { ComposeOption } from 'echarts/core';
import { FONT_FAMILY, FONT_SIZE, type Theme } from './theme.ts';

/** An ECharts option with the parts that figure.ts registers. */
export type Chart = ComposeOption<
  | CustomSeriesOption
  | GridComponentOption
  | HeatmapSeriesOption
  | LegendComponentOption
  | LineSeriesOption
  | MarkAreaComponentOption
  | MarkLineComponentOption
  | TitleComponentOption
  | VisualMapComponentOption
>;

export interface Axis {
  /** Name with unit: `lag [ms]`. */
  name: string;
  min?: number;
  max?: number;
  /** Distance between ticks; chosen by ECharts by default. */
  interval?: number;
  wholeNumbers?: boolean;
  /** Logarithmic to base 10; `min` must be above 0. */
  log?: boolean;
  /** Text of a tick; shortNumber by default. */
  format?: (value: number) => string;
}

export interface Line {
  name: string;
  color: string;
  /** A gap where y is null. */
  points: readonly (readonly [x: number, y: number | null])[];
  dashed?: boolean;
  /** Holds y until the next x. */
  steps?: boolean;
  /** A dot at each point. */
  dots?: boolean;
  filled?: boolean;
  /** Vertical bars. */
  intervals?: readonly (readonly [x: number, low: number, high: number])[];
  /** Stroke width [px]; 2 by default. */
  width?: number;
}

/** A dashed vertical line at one x, with a label. */
export interface Mark {
  x: number;
  label: string;
}

interface Band {
  name: string;
  from: number;
  to: number;
}

export interface LineChart {
  title: string;
  x: Axis;
  y: Axis;
  lines: readonly Line[];
  legend?: boolean;
  mark?: Mark;
  /** Shaded range of x, named in the legend. */
  band?: Band;
  /** Text in the middle of a chart without data. */
  message?: string;
}

/** Space around the axes for their numbers and names [px]. */
export const MARGIN = { left: 70, right: 20, bottom: 48 } as const;

const BAND_OPACITY = 0.25;

export function lineChart(theme: Theme, chart: LineChart): Chart {
  const { title, lines, mark, band, message, legend = true } = chart;
  const titles: TitleComponentOption[] = [titleOf(theme, title)];
  if (message !== undefined) {
    titles.push({
      text: message,
      left: 'center',
      top: 'middle',
      padding: 6,
      backgroundColor: theme.background,
      textStyle: { color: theme.muted, fontSize: FONT_SIZE.label, fontWeight: 'normal', lineHeight: 18 },
    });
  }
  const series: LineSeriesOption[] = lines.flatMap((line) => [lineSeries(line), ...intervalSeries(line)]);
  if (mark) series.push({ type: 'line', data: [], markLine: markLine(theme, mark, chart.x) });
  if (band) {
    const color = theme.green;
    series.push({ type: 'line', name: band.name, color, data: [], markArea: bandArea(color, band) });
  }
  return {
    ...baseOf(theme),
    title: titles,
    grid: { ...MARGIN, top: 38 + (legend ? 18 : 0) + (mark ? 20 : 0), outerBoundsMode: 'none' },
    ...(legend && { legend: legendOf(theme, lines, band) }),
    xAxis: valueAxis(theme, chart.x, 30),
    yAxis: valueAxis(theme, chart.y, 48),
    series,
  };
}

/** Options common to all charts. */
export function baseOf(theme: Theme): Chart {
  return {
    animation: false,
    backgroundColor: theme.background,
    textStyle: { fontFamily: FONT_FAMILY, fontSize: FONT_SIZE.label, color: theme.text },
  };
}

/** A chart's title, at its upper left. */
export function titleOf(theme: Theme, text: string): TitleComponentOption {
  return {
    text,
    left: 14,
    top: 6,
    padding: 0,
    textStyle: { color: theme.text, fontSize: FONT_SIZE.title, fontWeight: 600 },
  };
}

/** A number short enough for a tick: 0.0001 becomes 1e-4. */
export function shortNumber(value: number): string {
  if (value === 0) return '0';
  const plain = String(Number(value.toPrecision(3)));
  const short = Number(value.toPrecision(3)).toExponential();
  return plain.length <= 5 ? plain : short;
}

/** Style of an axis's name and numbers. `gap` is the distance from the axis to its name [px]. */
export function axisText(theme: Theme, name: string, gap: number) {
  return {
    name,
    nameLocation: 'middle' as const,
    nameGap: gap,
    nameTextStyle: { color: theme.muted, fontSize: FONT_SIZE.label },
    axisLabel: { color: theme.muted, fontSize: FONT_SIZE.label },
  };
}

/** An axis of numbers, with a line, ticks and a grid. */
export function valueAxis(theme: Theme, axis: Axis, gap: number) {
  const { name, format = shortNumber, wholeNumbers, log, ...range } = axis;
  const text = axisText(theme, name, gap);
  return {
    ...(log ? { type: 'log' as const } : { type: 'value' as const }),
    scale: true,
    ...range,
    ...(wholeNumbers && { minInterval: 1 }),
    ...text,
    axisLabel: { ...text.axisLabel, hideOverlap: true, formatter: format },
    axisLine: { show: true, onZero: false, lineStyle: { color: theme.axis } },
    axisTick: { show: true, lineStyle: { color: theme.axis } },
    splitLine: { show: true, lineStyle: { color: theme.grid } },
  };
}

function lineSeries({ name, color, points, width = 2, ...look }: Line): LineSeriesOption {
  return {
    type: 'line',
    name,
    data: points.map(([x, y]) => [x, y ?? '-']),
    color,
    lineStyle: { color, width, type: look.dashed ? 'dashed' : 'solid' },
    symbol: look.dots ? 'circle' : 'none',
    symbolSize: 6,
    itemStyle: { color },
    ...(look.steps && { step: 'end' }),
    ...(look.filled && { areaStyle: { color, opacity: 0.15 } }),
  };
}

/** One line in pieces, which has the line's place in the legend. */
function intervalSeries({ name, color, intervals = [] }: Line): LineSeriesOption[] {
  const points = intervals.flatMap(([x, low, high]): Line['points'] => [
    [x, low],
    [x, high],
    [x, null],
  ]);
  return points.length === 0 ? [] : [lineSeries({ name, color, points, width: 1.5 })];
}

function legendOf(theme: Theme, lines: readonly Line[], band: Band | undefined): LegendComponentOption {
  return {
    left: 12,
    top: 31,
    padding: 0,
    itemGap: 14,
    itemWidth: 22,
    itemHeight: 8,
    data: [
      // ECharts puts a dot on every line of a legend, even if the line in the chart has none.
      ...lines.map(({ name, dots }) => ({ name, itemStyle: { opacity: dots ? 1 : 0 } })),
      ...(band ? [{ name: band.name, icon: 'roundRect', itemStyle: { opacity: BAND_OPACITY } }] : []),
    ],
    textStyle: { color: theme.text, fontSize: FONT_SIZE.label },
  };
}

function markLine(theme: Theme, { x, label }: Mark, { min = 0, max = 1 }: Axis): MarkLineComponentOption {
  // Near an end of the axis a centred label would be cut off.
  const share = (x - min) / (max - min);
  const align = share > 0.8 ? 'right' : share < 0.2 ? 'left' : 'center';
  return {
    silent: true,
    symbol: 'none',
    data: [{ xAxis: x }],
    lineStyle: { color: theme.muted, type: 'dashed', width: 1 },
    label: {
      formatter: label,
      color: theme.muted,
      fontSize: FONT_SIZE.label,
      position: 'end',
      distance: 7,
      align,
    },
  };
}

function bandArea(color: string, { from, to }: Band): MarkAreaComponentOption {
  return {
    silent: true,
    data: [[{ xAxis: from }, { xAxis: to }]],
    itemStyle: { color, opacity: BAND_OPACITY },
  };
}
