import { ARRAYS } from './arrays.ts';
import { DOCUMENTS } from './documents.ts';
import { MODELS } from './models.ts';
import { RECORDS } from './records.ts';
import type { Checked } from './target.ts';

/** Every parser of the project, whoever wrote its files. */
export const TARGETS: readonly Checked[] = [...ARRAYS, ...RECORDS, ...MODELS, ...DOCUMENTS];

/** Throws RangeError when no parser has the name. */
export function findTarget(name: string): Checked {
  const found = TARGETS.find((target) => target.name === name);
  if (found === undefined)
    throw new RangeError(`no parser ${name}; there are ${TARGETS.map((target) => target.name).join(', ')}`);
  return found;
}
