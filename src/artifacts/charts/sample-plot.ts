/** Plot of one sample: strain at the stages of preprocessing, the time-frequency maps and the cross-correlations of its detectors. */
import { DETECTORS, SAMPLE_LENGTH, SAMPLE_RATE, SAMPLE_SIZE } from '../../core/strain.ts';
import { baseOf, type Chart, lineChart } from './chart.ts';
import type { Correlation } from './correlation.ts';
import { drawPng, type Figure } from './figure.ts';
import { FONT_SIZE, LIGHT, type Theme } from './theme.ts';
import { type TimeFrequencyMap, timeFrequencyChart } from './time-frequency-chart.ts';

type Values = Float64Array | Float32Array;

/** Strain at a stage of preprocessing. */
export interface Stage {
  /** Shown in the titles: `raw`. */
  name: string;
  /** What is drawn, for the axis: `strain`. */
  quantity: string;
  /** Shape (3, 4096). */
  values: Values;
}

export interface SamplePlot {
  id: string;
  stages: readonly Stage[];
  /** One map per detector. */
  maps: readonly TimeFrequencyMap[];
  /** Output of correlatePairs. */
  correlations: readonly Correlation[];
}

/** [px] */
const COLUMN_WIDTH = 540;
const HEADER = 56;
/** Longer ids are cut: they would not fit into the picture. */
const ID_LIMIT = 100;
const ROUND_ENDS = [1, 1.2, 1.6, 2, 3, 4, 5, 6, 8];

/**
 * A PNG with one row per stage and one column per detector over time [s]. Below them are the time-frequency maps, and the
 * cross-correlations over lag [ms]; the lags within the light travel time are shaded.
 *
 * @throws RangeError when a stage doesn't hold 3 * 4096 values.
 * @throws MachineError when the font is missing.
 */
export function plotSample(sample: SamplePlot): Uint8Array {
  return drawPng(sampleFigure(LIGHT, sample));
}

/** The figure that plotSample draws. */
export function sampleFigure(theme: Theme, sample: SamplePlot): Figure {
  const map = (d: number): string => `${DETECTORS[d]}, constant-Q transform`;
  const rows = [
    ...sample.stages.map((stage) => ({ height: 210, charts: stageCharts(theme, stage) })),
    { height: 310, charts: sample.maps.map((own, d) => timeFrequencyChart(theme, map(d), own)) },
    { height: 250, charts: correlationCharts(theme, sample.correlations) },
  ];
  const width = COLUMN_WIDTH * DETECTORS.length;
  let height = HEADER;
  const panels = rows.flatMap(({ charts, ...row }) => {
    const top = height;
    height += row.height;
    return charts.map((chart, column) => ({
      box: { left: column * COLUMN_WIDTH, top, width: COLUMN_WIDTH, ...row },
      chart,
    }));
  });
  const title = { box: { left: 0, top: 0, width, height: HEADER }, chart: header(theme, sample.id) };
  return { width, height, background: theme.background, panels: [title, ...panels] };
}

function header(theme: Theme, id: string): Chart {
  const shown = id.length > ID_LIMIT ? `${id.slice(0, ID_LIMIT)}...` : id;
  return {
    ...baseOf(theme),
    title: {
      text: `Sample ${shown}`,
      left: 14,
      top: 16,
      padding: 0,
      textStyle: { color: theme.text, fontSize: FONT_SIZE.heading, fontWeight: 600 },
    },
  };
}

/** One chart per detector; all three have the same range. */
function stageCharts(theme: Theme, { name: stage, quantity, values }: Stage): Chart[] {
  if (values.length !== SAMPLE_SIZE) {
    throw new RangeError(`${stage} strain of ${values.length} points, needed ${SAMPLE_SIZE}`);
  }
  const peak = largest(values);
  // Ticks like 2e-20 are hard to compare, so the power of ten goes into the axis name.
  const power = peak > 0 && (peak < 0.01 || peak >= 1000) ? Math.floor(Math.log10(peak)) : 0;
  const scale = 10 ** power;
  const name = power === 0 ? quantity : `${quantity} [1e${power}]`;
  const colors = [theme.orange, theme.blue, theme.purple];
  return DETECTORS.map((detector, d) =>
    lineChart(theme, {
      title: `${detector}, ${stage}`,
      x: { name: 'time [s]', min: 0, max: SAMPLE_LENGTH / SAMPLE_RATE, interval: 0.5 },
      y: { name, ...symmetricRange(peak / scale) },
      lines: [
        {
          name: detector,
          color: colors[d] ?? theme.text,
          points: Array.from({ length: SAMPLE_LENGTH }, (_, i): [number, number | null] => {
            const value = values[d * SAMPLE_LENGTH + i]!;
            return [i / SAMPLE_RATE, Number.isFinite(value) ? value / scale : null];
          }),
          width: 0.8,
        },
      ],
      legend: false,
    }),
  );
}

function correlationCharts(theme: Theme, correlations: readonly Correlation[]): Chart[] {
  const peak = Math.max(0, ...correlations.map(({ values }) => largest(values)));
  return correlations.map(({ pair, lagsMs, values, windowMs }) =>
    lineChart(theme, {
      title: `${pair}, cross-correlation`,
      x: { name: 'lag [ms]', min: -50, max: 50, interval: 10 },
      y: { name: 'correlation', ...symmetricRange(peak) },
      lines: [
        {
          name: 'cross-correlation',
          color: theme.text,
          points: Array.from(values, (value, i): [number, number | null] => [
            lagsMs[i]!,
            Number.isFinite(value) ? value : null,
          ]),
          width: 1.5,
        },
      ],
      band: { name: `within light travel time, ±${windowMs} ms`, from: -windowMs, to: windowMs },
    }),
  );
}

/** A symmetric range that includes `peak`, with round ends and five ticks. */
function symmetricRange(peak: number): { min: number; max: number; interval: number } {
  if (peak === 0) return { min: -1, max: 1, interval: 0.5 };
  const decade = 10 ** Math.floor(Math.log10(peak));
  const max = decade * (ROUND_ENDS.find((end) => end * decade >= peak) ?? 10);
  return { min: -max, max, interval: max / 2 };
}

/** The largest magnitude of the finite values; 0 if there are none. */
function largest(values: Values): number {
  let peak = 0;
  for (const value of values) {
    const size = Math.abs(value);
    if (size > peak && size < Number.POSITIVE_INFINITY) peak = size;
  }
  return peak;
}
