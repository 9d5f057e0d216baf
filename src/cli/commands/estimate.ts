import { Command } from 'commander';
import type { Estimate, Range, Workload } from '../../cloud/estimate/run-estimate.ts';
import { SettingError } from '../../core/errors.ts';
import { real, type Setting, whole } from '../../core/setting.ts';
import { jsonOption, preprocessOption, settingOption } from '../../options/command-options.ts';
import type { RecordSettings } from '../../preprocess/preprocess-settings.ts';
import { formatTime, printResult } from '../terminal.ts';

interface EstimateFlags extends Pick<RecordSettings, 'shardSize' | 'psdSamples' | 'dtype'> {
  samples?: number;
  packed?: boolean;
  unpacked?: boolean;
  prices?: string;
  rate?: number;
  concurrency: number;
  fileConcurrency: number;
  epochs: number;
  trainingRate: Range;
  json?: boolean;
}

const RATE = real('samples per second of one core (default: measured for one second)', 1, 1e9);
const CONCURRENCY = whole('concurrent chunks: mapConcurrency of the stage', 1, 10_000);
const FILE_CONCURRENCY = whole('the same for single files: fileConcurrency of the stage', 1, 10_000);
const TRAINING_RATE: Setting<Range> = {
  help: 'samples per second of the GPU, as a range',
  form: 'n-m',
  needed: 'a rate such as 1500, or a range such as 500-3000',
  accepts: (value): value is Range => {
    const { low, high } = value as Range;
    return low >= 1 && high >= low && high <= 1e9;
  },
  parse: (text) => {
    const [low, high = low] = text.split('-').map(Number);
    return { low, high };
  },
};

export function estimateCommand(): Command {
  return new Command('estimate')
    .argument('[RAW]', 'raw samples to count')
    .addOption(settingOption('samples', whole('number of samples, instead of RAW', 1, 1e9)))
    .option('--packed', 'only for packed uploads (upload --pack)')
    .option('--unpacked', 'only for uploads file by file')
    .option('--prices <file>', 'prices as JSON instead of the built-in ones (--json shows them)')
    .addOption(settingOption('rate', RATE))
    .addOption(settingOption('concurrency', CONCURRENCY, 600))
    .addOption(settingOption('fileConcurrency', FILE_CONCURRENCY, 24))
    .addOption(preprocessOption('shardSize', 'samples in a shard and in a pack'))
    .addOption(preprocessOption('psdSamples'))
    .addOption(preprocessOption('dtype'))
    .addOption(settingOption('epochs', whole('epochs of training; 0: no training', 0, 100_000), 50))
    .addOption(settingOption('trainingRate', TRAINING_RATE, { low: 500, high: 3000 }, '500-3000'))
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  chirpline estimate --samples 560000')
    .action(async (raw: string | undefined, flags: EstimateFlags) => {
      const [{ estimateRun }, { parsePrices, PRICES }, { measureRate }, { readTextFile }] = await Promise.all(
        [
          import('../../cloud/estimate/run-estimate.ts'),
          import('../../cloud/estimate/prices.ts'),
          import('../../cloud/estimate/measured-rate.ts'),
          import('../../options/text-file.ts'),
        ],
      );
      const prices =
        flags.prices === undefined
          ? PRICES
          : parsePrices(await readTextFile(flags.prices, PRICES_LIMIT), flags.prices);
      const { concurrency, fileConcurrency, psdSamples, dtype, epochs, trainingRate } = flags;
      const workload: Workload = {
        samples: await countSamples(raw, flags.samples),
        chunkSize: flags.shardSize,
        psdSamples,
        dtype,
        concurrency,
        fileConcurrency,
        rate: flags.rate ?? measureRate(),
        epochs,
        trainingRate,
      };
      const both = flags.packed === flags.unpacked;
      const estimates = [true, false]
        .filter((packed) => both || packed === (flags.packed === true))
        .map((packed) => estimateRun(workload, packed, prices));
      const head =
        `${workload.samples} samples, ${concurrency} chunks of ${workload.chunkSize} at once, ` +
        `${Math.round(workload.rate)} samples/s on one core; prices of ${prices.date}, ${prices.region}`;
      printResult(
        flags.json,
        { workload, prices, estimates },
        [head, '', ...table(estimates), '', ...advise(estimates, workload)].join('\n'),
      );
    });
}

/** Of the file [bytes]; one with every price has 1 KB. */
const PRICES_LIMIT = 1 << 16;

async function countSamples(raw: string | undefined, samples: number | undefined): Promise<number> {
  if ((raw === undefined) === (samples === undefined)) throw new SettingError('give either RAW or --samples');
  if (raw === undefined) return samples!;
  const [{ catalogDataset }, { openStore }] = await Promise.all([
    import('../../raw/catalog.ts'),
    import('../../storage/open.ts'),
  ]);
  const { refs } = await catalogDataset(openStore(raw));
  if (refs.length > 0) return refs.length;
  throw new SettingError(`${raw} holds no samples`);
}

type Row = [name: string, show: (estimate: Estimate) => string];

const ROWS: Row[] = [
  ['', ({ packed }) => (packed ? 'packed' : 'unpacked')],
  ['upload', ({ upload }) => `${upload.objects} objects, ${upload.puts} PUTs`],
  ['  cost', ({ upload }) => dollars(upload.cost)],
  ['preprocessing', ({ preprocessing: { gets, puts } }) => `${gets} GETs, ${puts} PUTs and LISTs`],
  ['  functions', ({ preprocessing }) => `${between(preprocessing.gbSeconds, Math.round)} GB-s`],
  ['  plan', ({ preprocessing }) => seconds(preprocessing.stages.plan)],
  ['  PSD', ({ preprocessing: { stages } }) => seconds(add(stages.psd, stages.reduce))],
  ['  shards', ({ preprocessing }) => seconds(preprocessing.stages.shards)],
  ['  finalize', ({ preprocessing }) => seconds(preprocessing.stages.finalize)],
  ['  total', ({ preprocessing }) => seconds(preprocessing.wall)],
  ['  cost', ({ preprocessing }) => dollars(preprocessing.cost)],
  [
    'training',
    ({ training }) => (training ? `${between(training.hours, (hours) => hours.toFixed(1))} h` : '-'),
  ],
  ['  before it', ({ training }) => (training ? `${minutes(training.start)} an attempt` : '-')],
  ['  cost', ({ training }) => (training ? dollars(training.cost) : '-')],
  ['idle stage', ({ month }) => `${dollars(month.idle)} a month`],
  ['  storage', ({ month }) => `$${month.storage.toFixed(2)} a month`],
];

function table(estimates: Estimate[]): string[] {
  return ROWS.map(([name, show]) =>
    [name.padEnd(14), ...estimates.map((estimate) => show(estimate).padEnd(34))].join(' ').trimEnd(),
  );
}

function advise(estimates: Estimate[], { epochs, trainingRate }: Workload): string[] {
  const lines = [
    "From AWS's documented limits and measured rates to three times that: an estimate, not a bill.",
  ];
  for (const { packed, preprocessing } of estimates) {
    if (preprocessing.boundBy !== 'requests') continue;
    const name = packed ? 'Packed' : 'Unpacked';
    lines.push(`${name}, the bucket's request rate sets the time, however many functions there are.`);
    if (!packed) lines.push('Remedy: chirpline upload --pack 1024.');
    if (preprocessing.enough < preprocessing.concurrency) {
      const setting = packed ? 'mapConcurrency' : 'fileConcurrency';
      lines.push(`Functions beyond ${preprocessing.enough} only wait, and are billed: set ${setting} so.`);
    }
  }
  if (epochs > 0) {
    const pace = between(trainingRate, String);
    lines.push(
      `Training: ${epochs} epochs at ${pace} samples/s of the GPU (--training-rate), in one attempt, from the cheapest spot host to the dearest on demand.`,
    );
  }
  return lines;
}

function between({ low, high }: Range, show: (value: number) => string | number): string {
  const [from, to] = [String(show(low)), String(show(high))];
  return from === to ? from : `${from} - ${to}`;
}

function add(a: Range, b: Range): Range {
  return { low: a.low + b.low, high: a.high + b.high };
}

const minutes = (range: Range) => between(range, (hours) => formatTime(60 * Math.round(60 * hours)));
const seconds = (range: Range) => between(range, formatTime);
const dollars = (range: Range) => `$${between(range, (value) => value.toFixed(2))}`;
