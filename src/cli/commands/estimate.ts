import { Command } from 'commander';
import type { Range } from '../../cloud/estimate/conditions.ts';
import type { Workload } from '../../cloud/estimate/request-counts.ts';
import type { Estimate } from '../../cloud/estimate/run-estimate.ts';
import { SettingError } from '../../core/errors.ts';
import { jsonOption, preprocessOption, real, splitLocation, whole } from '../../options/command-options.ts';
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

export function estimateCommand(): Command {
  return new Command('estimate')
    .description('predict requests, time and cost of a run on AWS, before anything starts')
    .argument('[RAW]', 'raw samples to count')
    .option('--samples <n>', 'number of samples, instead of RAW', whole(1, 1e9))
    .option('--packed', 'only for packed uploads (upload --pack)')
    .option('--unpacked', 'only for uploads file by file')
    .option('--prices <file>', 'prices as JSON instead of the built-in ones (--json shows them)')
    .option('--rate <n>', 'samples per second of one core (default: measured for one second)', real(1, 1e9))
    .option('--concurrency <n>', 'concurrent chunks: mapConcurrency of the stage', whole(1, 10_000), 600)
    .option(
      '--file-concurrency <n>',
      'the same for single files: fileConcurrency of the stage',
      whole(1, 10_000),
      24,
    )
    .addOption(preprocessOption('shardSize', 'samples in a shard and in a pack'))
    .addOption(preprocessOption('psdSamples'))
    .addOption(preprocessOption('dtype'))
    .option('--epochs <n>', 'epochs of training; 0: no training', whole(0, 100_000), 50)
    .option('--training-rate <n-m>', 'samples per second of the GPU, as a range', rates, {
      low: 500,
      high: 3000,
    })
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  chirpline estimate --samples 560000')
    .action(async (raw: string | undefined, flags: EstimateFlags) => {
      const [{ estimateRun }, { parsePrices, PRICES }, { measureRate }] = await Promise.all([
        import('../../cloud/estimate/run-estimate.ts'),
        import('../../cloud/estimate/prices.ts'),
        import('../../cloud/estimate/calibration.ts'),
      ]);
      const prices =
        flags.prices === undefined ? PRICES : parsePrices(await readText(flags.prices), flags.prices);
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

/** `1500` or `500-3000`. */
function rates(text: string): Range {
  const [low, high = low] = text.split('-', 2).map(real(1, 1e9)) as [number, number?];
  return { low, high: Math.max(low, high) };
}

async function readText(file: string): Promise<string> {
  const [{ readLimited }, { openStore }] = await Promise.all([
    import('../../storage/limited.ts'),
    import('../../storage/open.ts'),
  ]);
  const { folder, key } = splitLocation(file);
  return new TextDecoder().decode(await readLimited(openStore(folder), key, PRICES_LIMIT));
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
  ['  in all', ({ preprocessing }) => seconds(preprocessing.wall)],
  ['  cost', ({ preprocessing }) => dollars(preprocessing.cost)],
  [
    'training',
    ({ training }) => (training ? `${between(training.hours, (hours) => hours.toFixed(1))} h` : '-'),
  ],
  ['  cost', ({ training }) => (training ? dollars(training.cost) : '-')],
];

function table(estimates: Estimate[]): string[] {
  return ROWS.map(([name, show]) =>
    [name.padEnd(14), ...estimates.map((estimate) => show(estimate).padEnd(34))].join(' ').trimEnd(),
  );
}

function advise(estimates: Estimate[], { epochs, trainingRate }: Workload): string[] {
  const lines = ['From a good day to a bad one: a model, not a bill.'];
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
      `Training: ${epochs} epochs at ${pace} samples/s of the GPU (--training-rate), on spot or on-demand hosts.`,
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

const seconds = (range: Range) => between(range, formatTime);
const dollars = (range: Range) => `$${between(range, (value) => value.toFixed(2))}`;
