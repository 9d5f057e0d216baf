/** Parsers with the faults that the runner must find. */
import { InputError } from '../../src/core/errors.ts';
import { encode, target } from './target.ts';

const SEED = encode('0123456789');
const isSame = (bytes: Uint8Array): boolean => Buffer.compare(bytes, SEED) === 0;
const held: Uint8Array[] = [];

function broken(name: string, fault: (bytes: Uint8Array) => unknown) {
  const parse = (bytes: Uint8Array) => (isSame(bytes) ? undefined : fault(bytes));
  return target({ name, seeds: () => [SEED], parse });
}

export const TARGETS = [
  target({
    name: 'sound',
    seeds: () => [SEED],
    parse(bytes) {
      if (!isSame(bytes)) throw new InputError({ object: 'x', found: 'other bytes', needed: 'the seed' });
    },
  }),
  broken('throws', () => {
    throw new TypeError('a bug');
  }),
  broken('hangs', () => {
    for (;;);
  }),
  broken('waits', () => new Promise(() => {})),
  broken('is slow', () => {
    const before = process.cpuUsage();
    for (let spent = 0; spent < 2.1e6; ) {
      const { user, system } = process.cpuUsage(before);
      spent = user + system;
    }
  }),
  broken('grows', () => held.push(new Uint8Array(150 << 20).fill(1))),
  broken('rejects', () => {
    void Promise.reject(new Error('an unhandled rejection'));
    return new Promise((resolve) => setTimeout(resolve, 50));
  }),
  target({
    name: 'accepts',
    seeds: () => [SEED],
    parse: (bytes) => bytes.length,
    check(length, original) {
      if (length !== original) throw new RangeError(`${length} bytes, not ${original}`);
    },
  }),
];
