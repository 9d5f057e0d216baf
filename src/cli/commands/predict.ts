import { Command } from 'commander';
import { SettingError, TooManyRejectedError } from '../../core/errors.ts';
import { real, whole } from '../../core/setting.ts';
import type { PredictSettings } from '../../inference/prediction-run.ts';
import type { RowSettings } from '../../inference/submission.ts';
import {
  compileOption,
  deviceOption,
  jsonOption,
  preprocessOption,
  settingOption,
  ttaOption,
  workersOption,
} from '../../options/command-options.ts';
import {
  describeRejection,
  formatRejected,
  formatShare,
  type Rejection,
} from '../../preprocess/state/rejected.ts';
import { type IdList, readIdList } from '../../raw/id-list.ts';
import { type FilePlace, splitLocation } from '../../storage/location.ts';
import { openStore } from '../../storage/open.ts';
import { isStream, probeWriting } from '../../storage/probe.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { attend, printResult, type Terminal } from '../terminal.ts';

interface PredictFlags {
  out: string;
  psd?: string;
  workers?: number;
  batchSize: number;
  tta?: boolean;
  device: 'auto' | 'cpu' | 'gpu';
  compile: 'auto' | 'on' | 'off';
  maxRejected: number;
  like?: string;
  fill?: number;
  json?: boolean;
}

export function predictCommand(): Command {
  return (
    new Command('predict')
      .usage('[options] <WEIGHTS...> <RAW_OR_RECORDS>')
      // Commander allows a list only as the last argument, so the list holds the data as well.
      .argument(
        '<WEIGHTS... RAW_OR_RECORDS...>',
        'weights of one or more models, ..._weights.npz (the probabilities of several are averaged); then raw samples (labels are not needed) or records',
      )
      .requiredOption(
        '--out <csv>',
        'output file with rows id,target; rejected samples are listed in <csv>.rejected.csv',
      )
      .option('--psd <file>', 'avg_psd.npz to whiten raw samples with (default: the one next to the weights)')
      .addOption(workersOption())
      .addOption(settingOption('batchSize', whole('samples per batch', 1, 65_536), 64))
      .addOption(ttaOption())
      .addOption(deviceOption())
      .addOption(compileOption())
      .addOption(preprocessOption('maxRejected'))
      .option(
        '--like <csv>',
        "a file such as Kaggle's sample_submission.csv: the rows are exactly its ids, in its order (default: the samples)",
      )
      .addOption(
        settingOption(
          'fill',
          real('value of a row whose sample is missing or rejected (default: no such rows)', 0, 1),
        ),
      )
      .addOption(jsonOption())
      .addHelpText(
        'after',
        '\nExamples:\n  chirpline predict models/g2net/saved/diy_20260102_0304_weights.npz g2net/test \\' +
          '\n    --out submission.csv' +
          '\n  chirpline predict models/g2net/saved/*_weights.npz g2net/test \\' +
          '\n    --out submission.csv --like g2net/sample_submission.csv --fill 0.5',
      )
      .action(async (places: string[], flags: PredictFlags) => {
        const weights = places.slice(0, -1).map(splitLocation);
        const data = places.at(-1)!;
        if (weights.length === 0)
          throw new SettingError(`only ${data} was given: give WEIGHTS first, then RAW_OR_RECORDS`);
        const result = await attend((terminal, stop) => predict(weights, data, flags, terminal, stop));
        printResult(flags.json, result, describe(result));
      })
  );
}

interface Result {
  out: string;
  predicted: number;
  rejected: number;
  /** Rows that have the value of --fill. */
  filled: number;
  /** Samples that --like doesn't list. */
  unlisted: number;
  models: number;
}

async function predict(
  weights: FilePlace[],
  data: string,
  { out, psd, workers, batchSize, tta, device, compile, maxRejected, like, fill }: PredictFlags,
  terminal: Terminal,
  stop: AbortSignal,
): Promise<Result> {
  const [{ predictDataset }, { arrangeRows, firstThree, formatSubmission }] = await Promise.all([
    import('../../inference/prediction-run.ts'),
    import('../../inference/submission.ts'),
  ]);
  const { folder, key } = splitLocation(out);
  const partialKey = `${key}.partial`;
  const store = openStore(folder);
  await probeWriting(store, key);
  const rows: RowSettings = {
    ...(fill !== undefined && { fill }),
    ...(like !== undefined && { like: await readList(like) }),
  };
  const settings: PredictSettings = {
    batchSize,
    ...(tta !== undefined && { tta }),
    device,
    compile,
    rows,
    // There is no file beside a pipe.
    ...(!isStream(store, key) && { partial: { folder, key: partialKey } }),
    ...(workers !== undefined && { workers }),
    ...(psd !== undefined && { psd: splitLocation(psd) }),
  };
  const predictions = await predictDataset(weights, data, settings, terminal, stop);
  const { rejected, ids } = predictions;
  await listRejected(store, key, rejected, terminal);
  const inputs = ids.length + rejected.length;
  if (rejected.length > maxRejected * inputs) {
    throw new TooManyRejectedError(
      `${rejected.length} of ${inputs} samples were rejected, more than the tolerated ${formatShare(maxRejected)}. ` +
        `No predictions were written. Fix the samples listed in ${placeOfRejected(out)}, or allow more (--max-rejected)`,
    );
  }
  const submission = arrangeRows(predictions, rows);
  await store.write(key, new TextEncoder().encode(formatSubmission(submission.rows)));
  if (settings.partial !== undefined) await store.remove(partialKey);
  const { filled, unlisted } = submission;
  if (unlisted.length > 0)
    terminal.say(
      `left out, since ${like} doesn't list them: ${unlisted.length} samples (${firstThree(unlisted)})`,
    );
  return {
    out,
    predicted: submission.rows.length - filled,
    rejected: rejected.length,
    filled,
    unlisted: unlisted.length,
    models: weights.length,
  };
}

/** Rejected samples that are printed if the output is no file. */
const PRINTED = 20;

/** Lists the rejected samples in a file beside the output, or on the terminal if the output is a pipe or a device. */
async function listRejected(
  store: ObjectStore,
  key: string,
  rejected: readonly Rejection[],
  terminal: Terminal,
): Promise<void> {
  if (isStream(store, key)) {
    for (const rejection of rejected.slice(0, PRINTED))
      terminal.say(`rejected: ${describeRejection(rejection)}`);
    if (rejected.length > PRINTED) terminal.say(`rejected: ${rejected.length - PRINTED} more`);
    return;
  }
  const rejectedKey = `${key}.rejected.csv`;
  // The file of an earlier prediction would be taken for this one's.
  if (rejected.length === 0) await store.remove(rejectedKey);
  else await store.write(rejectedKey, new TextEncoder().encode(formatRejected(rejected)));
}

function placeOfRejected(out: string): string {
  const { folder, key } = splitLocation(out);
  return isStream(openStore(folder), key) ? 'the lines above' : `${out}.rejected.csv`;
}

async function readList(file: string): Promise<IdList> {
  const { folder, key } = splitLocation(file);
  return readIdList(openStore(folder), key);
}

function describe({ out, predicted, rejected, filled, models }: Result): string {
  const mean = models === 1 ? '' : `, averaged over ${models} models`;
  const more = filled === 0 ? '' : `, ${filled} filled (--fill)`;
  const left = rejected === 0 ? '' : `, ${rejected} rejected (${placeOfRejected(out)})`;
  return `${predicted} predictions${mean}${more}${left}: ${out}`;
}
