import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { InputError } from '../../src/core/errors.ts';
import {
  decodeFloat64,
  encodeNpy,
  NPY_HEADER_LIMIT,
  type NpyArray,
  npyDataLength,
  parseNpy,
  parseNpyHeader,
} from '../../src/numpy/npy.ts';
import { scratch } from '../support/fixtures.ts';
import { runPython } from '../support/python.ts';

/** A .npy file with this header text, body and version. */
function file(header: string, body: Uint8Array = new Uint8Array(0), version = 1): Uint8Array {
  const head = Buffer.alloc(version === 1 ? 10 : 12);
  head.write('\x93NUMPY', 'latin1');
  head[6] = version;
  if (version === 1) head.writeUInt16LE(header.length, 8);
  else head.writeUInt32LE(header.length, 8);
  return new Uint8Array(Buffer.concat([head, Buffer.from(header, 'latin1'), body]));
}

function headerText(fields: { descr?: string; order?: string; shape?: string }): string {
  const { descr = "'<f8'", order = 'False', shape = '(2,)' } = fields;
  return `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;
}

function assertRefused(bytes: Uint8Array, pattern: RegExp): void {
  assert.throws(
    () => parseNpy(bytes, 'x.npy'),
    (error) => error instanceof InputError && /^x\.npy/.test(error.message) && pattern.test(error.message),
  );
}

const COUNTING = `
import numpy as np, sys, json
folder = sys.argv[1]
a = np.arange(24).reshape(2, 3, 4) - 7
for order in 'CF':
    for name in ['<f8', '>f8', '<f4', '>f4', '<f2', '>f2']:
        np.save(f'{folder}/{order}{"le" if name[0] == "<" else "be"}{name[1:]}.npy', np.array(a, dtype=name, order=order))
    np.save(f'{folder}/{order}leu1.npy', np.array(a + 7, dtype='u1', order=order))
for version in [(1, 0), (2, 0), (3, 0)]:
    with open(f'{folder}/version{version[0]}.npy', 'wb') as f:
        np.lib.format.write_array(f, np.array([1.5, -2.5]), version=version)
np.save(f'{folder}/object.npy', np.array([{}, None], dtype=object), allow_pickle=True)
np.save(f'{folder}/fields.npy', np.zeros(2, dtype=[('a', '<f4'), ('b', '<i8')]))
np.save(f'{folder}/complex.npy', np.zeros(2, dtype='c16'))
np.save(f'{folder}/half.npy', np.array([1, -2, 65504, 6e-8, 0.33325195, np.inf, -np.inf, np.nan, -0.0], dtype='<f2'))
`;

describe('a .npy file that NumPy wrote', () => {
  test('is read in C order, for every type, byte order and axis order', (t) => {
    const folder = scratch(t);
    runPython(COUNTING, folder);
    const numbers = Array.from({ length: 24 }, (_, index) => index - 7);
    let files = 0;
    for (const order of 'CF') {
      for (const type of ['f8', 'f4', 'f2', 'u1']) {
        for (const end of type === 'u1' ? ['le'] : ['le', 'be']) {
          const { data, shape } = parseNpy(readFileSync(join(folder, `${order}${end}${type}.npy`)), 'x');
          const expected = numbers.map((value) => (type === 'u1' ? value + 7 : value));
          assert.deepEqual([...data], expected, `${order} ${end} ${type}`);
          assert.deepEqual(shape, [2, 3, 4]);
          files += 1;
        }
      }
    }
    assert.equal(files, 14);
    for (const version of [1, 2, 3]) {
      const array = parseNpy(readFileSync(join(folder, `version${version}.npy`)), 'x');
      assert.deepEqual(array, { shape: [2], dtype: '<f8', data: Float64Array.of(1.5, -2.5) });
    }
    assert.deepEqual(
      [...(parseNpy(readFileSync(join(folder, 'half.npy')), 'x').data as Float32Array)],
      [1, -2, 65504, 2 ** -24, 0.333251953125, Infinity, -Infinity, Number.NaN, -0],
    );
    const read = (name: string) => readFileSync(join(folder, name));
    assertRefused(read('object.npy'), /pickled Python objects/);
    assertRefused(read('fields.npy'), /a plain dtype/);
    assertRefused(read('complex.npy'), /<c16" \(complex numbers\)/);
  });

  test('has the type that NumPy takes its name for', (t) => {
    const folder = scratch(t);
    const words = ['float64', 'float', 'double', 'float32', 'single', 'float16', 'half', 'uint8', 'ubyte'];
    const codes = ['f8', 'd', 'f4', 'f', 'f2', 'e', 'u1', 'B'];
    const names = ['', '<', '>', '=', '|'].flatMap((order) => codes.map((code) => order + code));
    const files = [...words, ...names].map((descr, index) => {
      const name = `${index}.npy`;
      writeFileSync(join(folder, name), file(headerText({ descr: `'${descr}'` })));
      return { descr, name };
    });
    const load = `
import json, os, sys, numpy as np
os.chdir(sys.argv[1])
print(json.dumps({n: np.lib.format.read_magic(f) and np.lib.format.read_array_header_1_0(f)[2].str
  for n in os.listdir() for f in [open(n, 'rb')]}))`;
    const types: Record<string, string> = JSON.parse(runPython(load, folder));
    for (const { descr, name } of files)
      assert.equal(parseNpyHeader(readFileSync(join(folder, name)), 'x').dtype, types[name], descr);
  });

  test('equals the bytes that encodeNpy writes', (t) => {
    const folder = scratch(t);
    const arrays: [string, NpyArray][] = [
      ['np.float64(0.001)', { dtype: '<f8', shape: [], data: Float64Array.of(0.001) }],
      ['np.array([1.5, -2])', { dtype: '<f8', shape: [2], data: Float64Array.of(1.5, -2) }],
      ['np.zeros((3, 4096))', { dtype: '<f8', shape: [3, 4096], data: new Float64Array(12288) }],
      ['np.zeros((0, 5), "<f4")', { dtype: '<f4', shape: [0, 5], data: new Float32Array(0) }],
      ['np.ones((1, 2, 3), "<f4")', { dtype: '<f4', shape: [1, 2, 3], data: new Float32Array(6).fill(1) }],
      ['np.array([1, 255], "u1")', { dtype: '|u1', shape: [2], data: Uint8Array.of(1, 255) }],
      // This header ends at a multiple of 64 without padding. NumPy still pads it.
      [
        'np.zeros((1,) * 18, "<f8")',
        { dtype: '<f8', shape: Array<number>(18).fill(1), data: new Float64Array(1) },
      ],
      [
        'np.zeros((1,) * 23, "<f8")',
        { dtype: '<f8', shape: Array<number>(23).fill(1), data: new Float64Array(1) },
      ],
    ];
    const saves = arrays.map(([source], index) => `np.save(f'{sys.argv[1]}/${index}.npy', ${source})`);
    runPython(`import numpy as np, sys\n${saves.join('\n')}`, folder);
    for (const [index, [source, array]] of arrays.entries()) {
      const numpys = readFileSync(join(folder, `${index}.npy`));
      assert.deepEqual(Buffer.from(encodeNpy(array)), numpys, source);
      assert.deepEqual(parseNpy(numpys, 'x'), array, source);
    }
    const other = encodeNpy({ dtype: '<f8', shape: [2], data: Float64Array.of(1.5, 2) });
    assert.notDeepEqual(Buffer.from(other), readFileSync(join(folder, '1.npy')));
  });
});

describe('a .npy header', () => {
  test('gives the type, shape, offset and length of the array', () => {
    const header = parseNpyHeader(encodeNpy({ dtype: '<f8', shape: [3, 2], data: new Float64Array(6) }), 'x');
    assert.deepEqual(header, { dtype: '<f8', fortranOrder: false, shape: [3, 2], dataOffset: 128 });
    assert.equal(npyDataLength(header), 48);
  });

  test('may have its keys in any order, double quotes, no blanks, and long integers of Python 2', () => {
    for (const text of [
      `{"shape":(2L, 3L),"descr":"<f4","fortran_order":True}`,
      `  { 'fortran_order' : True , 'shape' : ( 2 , 3 , ) , 'descr' : '<f4' , }   \n`,
    ]) {
      const { dataOffset, ...rest } = parseNpyHeader(file(text), 'x');
      assert.deepEqual(rest, { dtype: '<f4', fortranOrder: true, shape: [2, 3] }, text);
      assert.equal(dataOffset, 10 + text.length);
    }
  });

  test('is refused unless it is a plain dict with the three keys', () => {
    for (const text of [
      '',
      'not a dict',
      `[1, 2]`,
      `{'descr': '<f8'`,
      `{'descr': '<f8', 'shape': (2,)}`,
      headerText({}).replace('descr', 'other'),
      `{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (2,)}`,
      `{'descr': '<f8', 'fortran_order': False, 'shape': (2,), 'shape': (2,)}`,
      `{'dtype': '<f8', 'fortran_order': False, 'shape': (2,)}`,
      `{'descr': '<f8' 'fortran_order': False, 'shape': (2,)}`,
      headerText({ descr: '__import__("os")' }),
      headerText({ descr: "[('a', '<f8')]" }),
      headerText({ order: '0' }),
      headerText({ shape: '2' }),
      headerText({ shape: '(2)' }),
      headerText({ shape: '(2,,3)' }),
      headerText({ shape: '(,)' }),
      headerText({ shape: '(-2,)' }),
      headerText({ shape: '(2.5,)' }),
      headerText({ shape: `(${'1,'.repeat(33)})` }),
      `${headerText({})}; print()`,
    ]) {
      assertRefused(file(text, new Uint8Array(16)), /^x\.npy at byte 10: found ".*", needed a Python dict/);
    }
    assertRefused(
      file('not a dict'),
      /found "not a dict", needed a Python dict literal of 'descr' \(a plain dtype\)/,
    );
  });

  test('is refused when its sizes overflow, even where one axis is zero', () => {
    for (const shape of ['(9007199254740993,)', '(67108864, 67108864, 67108864)', '(99999999999999999,)']) {
      assertRefused(file(headerText({ shape })), /2\^53/);
    }
    assertRefused(file(headerText({ shape: '(0, 94906267, 94906267)' })), /2\^53/);
  });

  test('is refused with a type other than floating-point numbers and bytes', () => {
    for (const dtype of ['<U0', '<i8', '|b1', '>float64', 'constructor', '<f16', '', '|O']) {
      const shape = '(9007199254740991,)';
      assertRefused(
        file(headerText({ descr: `'${dtype}'`, shape })),
        /dtype "[^"]*".*needed floating-point numbers/,
      );
    }
  });

  test('of 4 GB is refused by its length field alone', () => {
    const bytes = file(headerText({}), new Uint8Array(16), 2);
    new DataView(bytes.buffer).setUint32(8, 0xffffffff, true);
    assertRefused(bytes, /at byte 8: found a header of 4294967295 bytes, needed at most 65524/);
  });

  test('is accepted up to the limit and refused beyond it', () => {
    const text = headerText({}).trimEnd();
    const longest = file(text.padEnd(NPY_HEADER_LIMIT - 12), new Uint8Array(16), 2);
    assert.equal(parseNpyHeader(longest, 'x').dataOffset, NPY_HEADER_LIMIT);
    assertRefused(file(text.padEnd(NPY_HEADER_LIMIT - 11), new Uint8Array(16), 2), /needed at most/);
  });

  test('of 64 KiB of blanks, brackets or digits is refused quickly', () => {
    const started = performance.now();
    for (const filling of [' ', '(', '1', ',', "'", '{', 'True']) {
      assertRefused(file(`{${filling.repeat(60000 / filling.length)}`), /x\.npy/);
      assertRefused(file(headerText({ shape: `(${filling.repeat(60000 / filling.length)}` })), /x\.npy/);
    }
    assert.ok(performance.now() - started < 1000);
  });
});

describe('a damaged .npy file', () => {
  const whole = encodeNpy({ dtype: '<f8', shape: [2], data: Float64Array.of(1, 2) });

  test('is refused when it is empty, of another format or of another version', () => {
    assertRefused(new Uint8Array(0), /no bytes/);
    assertRefused(Buffer.from('\x89HDF\r\n', 'latin1'), /894844460d0a/);
    const future = new Uint8Array(whole);
    future[6] = 4;
    assertRefused(future, /version 4\.0/);
  });

  test('is refused wherever it is truncated, with the offset', () => {
    for (let length = 0; length < whole.length; length += 1)
      assertRefused(whole.subarray(0, length), /needed/);
    assertRefused(
      whole.subarray(0, 140),
      /at byte 140: found the end after 140 bytes, needed 144 bytes for <f8 of shape \(2\)/,
    );
  });

  test('is refused when it has extra bytes', () => {
    assertRefused(Buffer.concat([whole, Buffer.alloc(1)]), /found 145 bytes, needed 144/);
  });

  test('raises only InputErrors, whichever byte is changed', () => {
    let refused = 0;
    for (let position = 0; position < 128; position += 1) {
      for (const value of [0, 0x20, 0x27, 0x28, 0x30, 0x39, 0x4f, 0xff]) {
        const bytes = new Uint8Array(whole);
        bytes[position] = value;
        try {
          parseNpy(bytes, 'x');
        } catch (error) {
          assert.ok(error instanceof InputError, `${position} ${value}: ${error}`);
          refused += 1;
        }
      }
    }
    assert.ok(refused > 300);
  });
});

describe('decodeFloat64', () => {
  const values = Array.from({ length: 12288 }, (_, index) => Math.fround(Math.sin(index) * 1e-20));

  test('gives the same strain from every type and axis order, at any alignment', () => {
    const transposed = (index: number) => values[(index % 3) * 4096 + Math.floor(index / 3)]!;
    for (const fortranOrder of [false, true]) {
      for (const dtype of ['<f8', '>f8', '<f4', '>f4']) {
        for (const shift of [0, 1, 4]) {
          const size = Number(dtype[2]);
          const bytes = Buffer.alloc(shift + 12288 * size);
          for (let index = 0; index < 12288; index += 1) {
            const value = fortranOrder ? transposed(index) : values[index]!;
            const at = shift + index * size;
            if (dtype === '<f8') bytes.writeDoubleLE(value, at);
            else if (dtype === '>f8') bytes.writeDoubleBE(value, at);
            else if (dtype === '<f4') bytes.writeFloatLE(value, at);
            else bytes.writeFloatBE(value, at);
          }
          const before = Buffer.from(bytes);
          const out = new Float64Array(12288);
          decodeFloat64(bytes.subarray(shift), { dtype, fortranOrder, shape: [3, 4096] }, out);
          assert.deepEqual([...out], values, `${dtype} ${fortranOrder} ${shift}`);
          assert.deepEqual(bytes, before);
        }
      }
    }
  });

  test('refuses other types and lengths', () => {
    const out = new Float64Array(2);
    const decode = (dtype: string, length: number) => () =>
      decodeFloat64(new Uint8Array(length), { dtype, fortranOrder: false, shape: [2] }, out);
    assert.throws(decode('<i8', 16), RangeError);
    assert.throws(decode('<f8', 17), RangeError);
  });
});
