import { InputError } from '../core/errors.ts';
import { quote } from '../core/quote.ts';
import { isSampleId, SAMPLE_ID_RULE } from '../raw/sample-ref.ts';

interface PlacedId {
  /** '' if the record has no id. */
  id: string;
  /** Where the record is stored, for messages. */
  object: string;
  offset?: number;
}

/**
 * The record's id, or its number if it has none. Throws InputError for an invalid id, since ids are written unchanged, as
 * Kaggle requires, and a spreadsheet would run a cell such as `=cmd|...`. A leading `-` is allowed: without `( ) ! | =` a
 * formula can't call or fetch anything. At worst a spreadsheet shows `-1-1` as a number, as it does with `1e5`.
 */
export function recordId({ id, object, offset }: PlacedId, number: number): string {
  if (id === '') return String(number);
  if (isSampleId(id)) return id;
  throw new InputError({
    object,
    ...(offset !== undefined && { offset }),
    found: `the id ${quote(id)}`,
    needed: SAMPLE_ID_RULE,
    advice: 'Rename the sample: ids are written unchanged, and a spreadsheet may run other ids as formulas',
  });
}
