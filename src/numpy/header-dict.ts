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

const NAMES: ReadonlyMap<string, keyof HeaderDict> = new Map([
  ['descr', 'dtype'],
  ['fortran_order', 'fortranOrder'],
  ['shape', 'shape'],
]);

/**
 * Reads the keys 'descr', 'fortran_order' and 'shape', in any order, each once. Throws InputError for anything else.
 *
 * @param start byte offset of the text in the file, for the offsets in error messages.
 */
export function parseHeaderDict(text: string, object: string, start: number): HeaderDict {
  const tokens = new Tokens(text, object, start);
  const found: Partial<HeaderDict> = {};
  tokens.expect(/^\{$/, 'a Python dict literal');
  for (let token = tokens.next(); token !== '}'; token = tokens.next()) {
    const name = /^['"]/.test(token) ? NAMES.get(token.slice(1, -1)) : undefined;
    if (name === undefined || name in found) {
      throw tokens.refuse(token, "the keys 'descr', 'fortran_order' and 'shape', each once");
    }
    tokens.expect(/^:$/, "':'");
    if (name === 'dtype') found.dtype = tokens.expect(/^['"]/, 'a plain dtype (no fields)').slice(1, -1);
    else if (name === 'shape') found.shape = parseShape(tokens);
    else found.fortranOrder = tokens.expect(/^(True|False)$/, 'True or False') === 'True';
    if (tokens.expect(/^[,}]$/, "',' or '}'") === '}') break;
  }
  tokens.expectEnd();
  const { dtype, fortranOrder, shape } = found;
  if (dtype === undefined || fortranOrder === undefined || shape === undefined) {
    const keys = `only ${Object.keys(found).length} keys`;
    throw new InputError({
      object,
      offset: start,
      found: keys,
      needed: "'descr', 'fortran_order' and 'shape'",
    });
  }
  return { dtype, fortranOrder, shape };
}

function parseShape(tokens: Tokens): number[] {
  tokens.expect(/^\($/, 'a tuple of axis lengths');
  const shape: number[] = [];
  for (;;) {
    const token = tokens.next();
    if (token === ')') return shape;
    // Files from Python 2 may contain long integers: 3L.
    const length = /^\d{1,16}L?$/.test(token) ? Number.parseInt(token, 10) : Number.NaN;
    if (!Number.isSafeInteger(length) || shape.length === AXIS_LIMIT) {
      throw tokens.refuse(token, `at most ${AXIS_LIMIT} axis lengths`);
    }
    shape.push(length);
    // In Python (3) is the number 3, not a tuple.
    const separators = shape.length === 1 ? /^,$/ : /^[,)]$/;
    if (tokens.expect(separators, 'a tuple of axis lengths') === ')') return shape;
  }
}

class Tokens {
  /** No ambiguous repetition, so matching takes linear time for any text. */
  readonly #pattern = /\s*('[^'\\\n]*'|"[^"\\\n]*"|True|False|\d+L?|[{}()[\]:,])/y;
  readonly #text: string;
  readonly #object: string;
  readonly #start: number;

  constructor(text: string, object: string, start: number) {
    this.#text = text;
    this.#object = object;
    this.#start = start;
  }

  next(): string {
    const at = this.#pattern.lastIndex;
    const token = this.#pattern.exec(this.#text)?.[1];
    if (token !== undefined) return token;
    // The failed match has reset lastIndex to 0.
    this.#pattern.lastIndex = at;
    throw this.#refuseRest('a Python dict literal');
  }

  expect(pattern: RegExp, needed: string): string {
    const token = this.next();
    if (!pattern.test(token)) throw this.refuse(token, needed);
    return token;
  }

  expectEnd(): void {
    if (this.#text.slice(this.#pattern.lastIndex).trim() !== '')
      throw this.#refuseRest('the end of the header');
  }

  /** For the token that `next` returned last. */
  refuse(token: string, needed: string): InputError {
    const offset = this.#start + this.#pattern.lastIndex - token.length;
    return new InputError({ object: this.#object, offset, found: quote(token), needed });
  }

  #refuseRest(needed: string): InputError {
    const offset = this.#start + this.#pattern.lastIndex;
    const rest = this.#text.slice(this.#pattern.lastIndex).trim();
    const found = rest === '' ? 'the end of the header' : quote(rest);
    return new InputError({ object: this.#object, offset, found, needed });
  }
}
