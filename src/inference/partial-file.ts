/** The results of a prediction under way, in a file beside its output. The same prediction resumes from them. */

import * as v from 'valibot';
import { ChirplineError, InputError, NotFoundError } from '../core/errors.ts';
import { rejectionListSchema } from '../preprocess/state/rejected.ts';
import { encodeJson, parseJson } from '../storage/json.ts';
import { readLimited } from '../storage/limited.ts';
import type { FilePlace } from '../storage/location.ts';
import { openStore } from '../storage/open.ts';
import type { Predictions } from './predictions.ts';

/**
 * Interval between two writes [ms], as between checkpoints. It limits what a kill loses; a stop writes the file too. The file of
 * 560,000 samples has 11 MB: more writes would only load a bucket.
 */
const INTERVAL = 600_000;
/** Largest file that is read [bytes]: enough for 560,000 rejected samples. */
const LIMIT = 1 << 28;

const schema = v.object({
  version: v.literal(2),
  /** See prediction-identity.ts. */
  identity: v.string(),
  /** Of the first samples that weren't rejected, in the order of the samples, which the identity covers. */
  logits: v.array(v.number()),
  /** The samples that couldn't be read so far. */
  rejected: rejectionListSchema,
});
type PartialResults = Pick<v.InferOutput<typeof schema>, 'logits' | 'rejected'>;

/** What is to be predicted. */
export interface Wanted {
  /** Identifies the prediction. */
  identity: string;
  /** Samples. */
  count: number;
  /** The ids of the samples that can be rejected: of raw samples all, of records none. */
  rejectable: ReadonlySet<string>;
}

/**
 * Throws InputError when the bytes aren't such a file, belong to another prediction, or hold results that the wanted prediction
 * can't have.
 */
export function parsePartial(
  bytes: Uint8Array,
  object: string,
  { identity, count, rejectable }: Wanted,
): PartialResults {
  const { logits, rejected, ...stored } = parseJson(bytes, object, schema);
  const demand = (holds: boolean, found: string, needed: string) => {
    if (!holds) throw new InputError({ object, found, needed });
  };
  demand(
    stored.identity === identity,
    'results of another prediction',
    'the same weights, PSD, data and --tta',
  );
  const ids = new Set(rejected.map(({ id }) => id));
  const known = [...ids].every((id) => rejectable.has(id));
  demand(known && ids.size === rejected.length, 'a wrong list of rejected samples', 'samples, each once');
  const results = logits.length + ids.size;
  demand(results <= count, `${results} results`, `at most ${count}`);
  return { logits, rejected };
}

/** Where the results are kept. */
export interface PartialPlace extends FilePlace {
  /** Time between two writes [ms]. Default: ten minutes. */
  interval?: number;
}

export interface PartialFile {
  /** The file, for messages. */
  object: string;
  /**
   * Adds the file's results and rejected samples to the predictions, which hold none of this prediction yet. A file that
   * can't be used is reported and ignored. Must be called before `save`.
   */
  resume(wanted: Wanted): Promise<void>;
  /** Whether the interval since the last write has passed. */
  due(): boolean;
  /** Writes the file, unless nothing is predicted yet. Returns whether it was written. The first error is reported. */
  save(): Promise<boolean>;
}

/** @param predictions these are saved. @param say called with a message for the user. */
export function openPartial(
  { folder, key, interval = INTERVAL }: PartialPlace,
  predictions: Predictions,
  say: (line: string) => void,
): PartialFile {
  const store = openStore(folder);
  const object = `${store.location}${key}`;
  let identity = '';
  /** Inputs that the catalog rejects. It does so each time. */
  let unusable = 0;
  let last = Date.now();
  let reported = false;

  return {
    object,
    async resume(wanted) {
      ({ identity } = wanted);
      const { logits, rejected } = predictions;
      unusable = rejected.length;
      try {
        const known = parsePartial(await readLimited(store, key, LIMIT), object, wanted);
        for (const logit of known.logits) logits.push(logit);
        for (const rejection of known.rejected) rejected.push(rejection);
        say(`resuming: ${logits.length} of ${wanted.count} samples are predicted`);
      } catch (error) {
        if (error instanceof NotFoundError) return;
        if (!(error instanceof ChirplineError)) throw error;
        say(`not resumed, all samples will be predicted: ${error.message}`);
      }
    },
    due: () => Date.now() - last >= interval,
    async save() {
      const { logits, rejected } = predictions;
      if (logits.length === 0) return false;
      const results: PartialResults = { logits, rejected: rejected.slice(unusable) };
      try {
        await store.write(key, encodeJson({ version: 2, identity, ...results }));
        return true;
      } catch (error) {
        if (!(error instanceof ChirplineError)) throw error;
        if (!reported) say(`results so far not written, those written before are kept: ${error.message}`);
        reported = true;
        return false;
      } finally {
        last = Date.now();
      }
    },
  };
}
