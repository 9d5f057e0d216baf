/**
 * Parses the Python dict literal in a .npy header: three known keys with a string, a boolean and a tuple of integers. No
 * other Python is accepted, and nothing is evaluated.
 */
import { InputError } from '../core/errors.ts';
import { quote } from '../core/quote.ts';

export interface HeaderDict {
  dtype: string;
  fortranOrder: boolean;
  shape: number[];
}

/** NumPy 1 allows 32 axes. Arrays that chirpline uses have at most 4. */
const AXIS_LIMIT = 32;

/** In Python (3) is the number 3, not a tuple. Files from Python 2 may contain long integers: 3L. */
const TUPLE = /\(\s*\)|\((?:\s*\d+L?\s*,)+(?:\s*\d+L?)?\s*\)/.source;
const ITEM = String.raw`\s*(?:'descr'\s*:\s*'([^'\\\n]*)'|'fortran_order'\s*:\s*(True|False)|'shape'\s*:\s*(${TUPLE}))\s*`;
/** No ambiguous repetition, so matching takes linear time for any text. */
const DICT = new RegExp(String.raw`^\s*\{${ITEM},${ITEM},${ITEM}(?:,\s*)?\}\s*$`);

/**
 * Reads the keys 'descr', 'fortran_order' and 'shape', in any order, each once. Throws InputError for anything else.
 *
 * @param offset of the text in the file, for error messages.
 */
export function parseHeaderDict(text: string, object: string, offset: number): HeaderDict {
  const match = DICT.exec(text.replaceAll('"', "'")) ?? [];
  const [dtype, order, tuple] = [1, 2, 3].map(
    (group) => match[group] ?? match[group + 3] ?? match[group + 6],
  );
  const shape = (tuple?.match(/\d+/g) ?? []).map(Number);
  if (dtype === undefined || order === undefined || tuple === undefined || shape.length > AXIS_LIMIT) {
    const needed = `a Python dict literal of 'descr' (a plain dtype), 'fortran_order' and 'shape' (at most ${AXIS_LIMIT} axes)`;
    throw new InputError({ object, offset, found: quote(text.trim()), needed });
  }
  return { dtype, fortranOrder: order === 'True', shape };
}
