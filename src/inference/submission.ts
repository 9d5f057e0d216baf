/** submission.csv: which samples get a row, and its text. */
import { stringify } from 'csv-stringify/sync';
import { InputError } from '../core/errors.ts';
import type { IdList } from '../raw/id-list.ts';
import { refuseMismatch } from '../raw/id-mismatch.ts';
import { sigmoid } from '../training/fit/logit.ts';
import type { Predictions } from './predictions.ts';

export interface RowSettings {
  /** The ids that get a row, in their order. Default: the samples. */
  like?: IdList;
  /** From 0 to 1: the value of a row without a prediction. Default: such a sample gets no row, such a listed id is an error. */
  fill?: number;
}

export interface Submission {
  /** Id and probability of a signal. */
  rows: [string, number][];
  /** The number of rows that have the value `fill`. */
  filled: number;
  /** Ids of samples that aren't listed, and have no row. */
  unlisted: string[];
}

/** Throws InputError when a listed id has no prediction and there is no value for it. */
export function arrangeRows({ samples, ids, logits }: Predictions, { like, fill }: RowSettings): Submission {
  const known = new Map(ids.map((id, index) => [id, sigmoid(logits[index]!)]));
  if (like !== undefined && fill === undefined) requireListed(like, known);
  const wanted = like?.ids ?? (fill === undefined ? ids : samples);
  const listed = new Set(like?.ids ?? samples);
  return {
    rows: wanted.map((id) => [id, known.get(id) ?? fill!]),
    filled: wanted.filter((id) => !known.has(id)).length,
    unlisted: samples.filter((id) => !listed.has(id)),
  };
}

/** Throws InputError when next to no listed id is that of a sample: every row would be filled. */
export function compareWithList({ object, ids }: IdList, samples: ReadonlySet<string>): void {
  const listed = new Set(ids);
  const onlyListed = ids.filter((id) => !samples.has(id));
  const onlySamples = [...samples].filter((id) => !listed.has(id));
  refuseMismatch(object, { onlyListed, onlySamples, shared: ids.length - onlyListed.length });
}

/** Throws InputError when a listed id isn't among the `known` ones. */
export function requireListed({ object, ids }: IdList, known: { has(id: string): boolean }): void {
  const missing = ids.filter((id) => !known.has(id));
  if (missing.length === 0) return;
  throw new InputError({
    object,
    found: `${missing.length} of ${ids.length} ids without a usable sample: ${firstThree(missing)}`,
    needed: 'a sample for each',
    advice: 'Add the samples, or give their rows a value (--fill)',
  });
}

/** `a, b, c, ...` */
export function firstThree(ids: readonly string[]): string {
  return [...ids.slice(0, 3), ...(ids.length > 3 ? ['...'] : [])].join(', ');
}

/** The file's text: rows `id,target`. */
export function formatSubmission(rows: Submission['rows']): string {
  return stringify(rows, { header: true, columns: ['id', 'target'], cast: { number: String } });
}
