import { ARRAYS } from './arrays.ts';
import { DOCUMENTS } from './documents.ts';
import { MODELS } from './models.ts';
import { RECORDS } from './records.ts';
import type { Checked } from './target.ts';

/** All parsers of the project. */
export const TARGETS: readonly Checked[] = [...ARRAYS, ...RECORDS, ...MODELS, ...DOCUMENTS];

/** Throws RangeError when no parser has the name. */
export function findTarget(name: string): Checked {
  const found = TARGETS.find((target) => target.name === name);
  if (found === undefined)
    throw new RangeError(
      `unknown parser ${name}: needed one of ${TARGETS.map((target) => target.name).join(', ')}`,
    );
  return found;
}
