import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { crc32 } from '@node-rs/crc32';
import { InputError } from '../../src/core/errors.ts';
import { encodeNpy, type NpyArray } from '../../src/numpy/npy.ts';
import { readNpz, writeNpz } from '../../src/numpy/npz.ts';
import { fixture, scratch } from '../support/fixtures.ts';
import { runPython } from '../support/python.ts';
import { packZip, type ZipPart } from '../support/zip.ts';

const ONE = encodeNpy({ dtype: '<f8', shape: [2], data: Float64Array.of(1, 2) });

async function assertRefused(bytes: Uint8Array, pattern: RegExp, limit?: number): Promise<void> {
  await assert.rejects(
    () => readNpz(bytes, 'x.npz', limit === undefined ? {} : { limit }),
    (error) => error instanceof InputError && /^x\.npz/.test(error.message) && pattern.test(error.message),
    String(pattern),
  );
}

describe('an .npz file', () => {
  const arrays: Record<string, NpyArray> = {
    avg_psd: {
      dtype: '<f8',
      shape: [3, 5],
      data: Float64Array.from({ length: 15 }, (_, index) => index * 1e-40),
    },
    'init/conv0_W': { dtype: '<f4', shape: [2, 1, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    scalar: { dtype: '<f8', shape: [], data: Float64Array.of(-5) },
    empty: { dtype: '|u1', shape: [0], data: new Uint8Array(0) },
  };

  test('is read back by readNpz and by numpy.load, stored and deflated', async (t) => {
    const folder = scratch(t);
    for (const compress of [false, true]) {
      const bytes = await writeNpz(arrays, { compress });
      assert.deepEqual(Object.fromEntries(await readNpz(bytes, 'x')), arrays);
      writeFileSync(join(folder, `${compress}.npz`), bytes);
    }
    const seen = runPython(
      `import numpy as np, sys, zipfile, json
for name in ['false', 'true']:
    path = f'{sys.argv[1]}/{name}.npz'
    assert zipfile.ZipFile(path).testzip() is None
    z = np.load(path)
    print(json.dumps([[k, z[k].dtype.str, z[k].tolist()] for k in z.files]))`,
      folder,
    );
    const expected = Object.entries(arrays).map(([name, { dtype, shape, data }]) => {
      const flat = [...data];
      const nest = (values: unknown[], [, ...rest]: readonly number[]): unknown => {
        if (rest.length === 0) return values;
        const size = rest.reduce((product, length) => product * length, 1);
        return Array.from({ length: values.length / size }, (_, row) =>
          nest(values.slice(row * size, (row + 1) * size), rest),
        );
      };
      return [name, dtype, shape.length === 0 ? flat[0] : nest(flat, shape)];
    });
    const lines = seen
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(lines, [expected, expected]);
  });

  test('has the same bytes each time it is written, in any time zone', async () => {
    const first = await writeNpz(new Map(Object.entries(arrays)));
    const zone = process.env.TZ;
    process.env.TZ = 'Pacific/Auckland';
    try {
      assert.deepEqual(await writeNpz(arrays), first);
      assert.notDeepEqual(
        await writeNpz({ ...arrays, empty: { dtype: '|u1', shape: [1], data: Uint8Array.of(1) } }),
        first,
      );
    } finally {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
  });

  test('may hold no arrays, as numpy.savez() writes it', async (t) => {
    const path = join(scratch(t), 'none.npz');
    runPython('import numpy as np, sys; np.savez(sys.argv[1])', path);
    for (const bytes of [readFileSync(path), await writeNpz({})])
      assert.deepEqual(await readNpz(bytes, 'x'), new Map());
  });

  test('that NumPy wrote is read completely, compressed or not', async () => {
    const golden = await readNpz(readFileSync(fixture('golden.npz')), 'golden.npz');
    assert.deepEqual([...golden.keys()].slice(0, 4), ['avg_psd', 'b', 'a', 'zi']);
    assert.deepEqual(golden.get('raw')?.shape, [4, 3, 4096]);
    const training = await readNpz(readFileSync(fixture('training-golden.npz')), 'training-golden.npz');
    assert.deepEqual(training.get('learning_rate'), {
      shape: [],
      dtype: '<f8',
      data: Float64Array.of(0.001),
    });
    assert.deepEqual(training.get('x')?.shape, [6, 16, 3, 4096]);
    const check = await readNpz(readFileSync(fixture('lal-check.npz')), 'lal-check.npz');
    const sums = runPython(
      `import numpy as np, sys
for path, key in [(sys.argv[1], 'final'), (sys.argv[2], 'x'), (sys.argv[3], 'antenna')]:
    print(repr(float(np.load(path)[key].astype('f8').ravel()[::7].sum())))`,
      ...['golden.npz', 'training-golden.npz', 'lal-check.npz'].map(fixture),
    );
    const ours = [golden.get('final'), training.get('x'), check.get('antenna')].map((array) => {
      let sum = 0;
      for (let index = 0; index < array!.data.length; index += 7) sum += Number(array!.data[index]);
      return sum;
    });
    for (const [index, line] of sums.trim().split('\n').entries()) {
      assert.ok(
        Math.abs(ours[index]! - Number(line)) <= 1e-9 * (1 + Math.abs(Number(line))),
        `${ours[index]} ${line}`,
      );
    }
  });
});

describe('a hostile .npz file', () => {
  const member = (part: Partial<ZipPart> = {}): ZipPart => ({ name: 'a.npy', content: ONE, ...part });

  test('differs from a valid one only by its fault: the valid one is read', async () => {
    assert.equal((await readNpz(packZip([member(), member({ name: 'b.npy', deflate: true })]), 'x')).size, 2);
  });

  test('is refused when it has paths out of the archive, or duplicate or encrypted members', async () => {
    for (const name of ['../a.npy', 'b/../../a.npy', '/a.npy', 'C:/a.npy', '..\\a.npy']) {
      await assertRefused(packZip([member({ name })]), /relative path|absolute path/);
    }
    await assertRefused(packZip([member(), member()]), /two members named "a\.npy"/);
    await assertRefused(packZip([member({ flags: 1, content: ONE })]), /encrypted|mismatch/);
    await assertRefused(packZip([member({ flags: 0x41 })]), /encryption/);
    await assertRefused(packZip([member({ method: 12 })]), /compression method 12/);
    await assertRefused(packZip([member({ name: 'run.sh' })]), /needed \.npy files only/);
  });

  test('is refused when a checksum or a size is wrong', async () => {
    await assertRefused(
      packZip([member({ crc: 1 })]),
      /x\.npz!a\.npy: found CRC-32 [0-9a-f]{8}, needed 00000001/,
    );
    await assertRefused(
      packZip([member({ deflate: true, size: ONE.length - 1 })]),
      /more than 143 bytes unpacked/,
    );
    await assertRefused(
      packZip([member({ deflate: true, size: ONE.length + 1 })]),
      /found 144 bytes unpacked, needed 145/,
    );
    const broken = Buffer.from(deflateRawSync(ONE));
    broken[0] = 0xff;
    await assertRefused(packZip([member({ packed: broken, deflate: true })]), /broken deflate data/);
  });

  test('is refused before anything is unpacked when it is a zip bomb', async () => {
    const zeros = Buffer.alloc(64 << 20);
    const bomb = packZip([{ name: 'a.npy', content: zeros, deflate: true }]);
    assert.ok(bomb.length < 80_000);
    await assertRefused(bomb, /67108864 bytes unpacked, needed at most 1048576/, 1 << 20);
    // The stated size is small: the rest is never unpacked.
    await assertRefused(
      packZip([{ name: 'a.npy', content: zeros, deflate: true, size: 1000, crc: crc32(zeros) }]),
      /more than 1000 bytes unpacked/,
    );
    // The stated size exceeds the ratio of deflate.
    await assertRefused(packZip([member({ deflate: true, size: 0xfffffff0 })]), /4294967280 bytes packed in/);
    // Two members share their bytes.
    await assertRefused(
      packZip([member(), member({ name: 'b.npy', offset: 0 })]),
      /overlapping the next member/,
    );
    await assertRefused(packZip([member({ offset: 5000 })]), /overlapping .* the end of the file/);
  });

  test('is refused when its directory omits members or has too many', async () => {
    const bytes = packZip([member(), member({ name: 'b.npy' })]);
    const end = Buffer.from(bytes.buffer, bytes.byteOffset + bytes.length - 22, 22);
    end.writeUInt16LE(1, 10);
    await assertRefused(bytes, /continues after its last entry/);
    end.writeUInt16LE(0, 10);
    await assertRefused(bytes, /continues after its last entry/);
    // Also when the directory's offset points to its end, as in an empty archive.
    end.writeUInt32LE(bytes.length - 22, 16);
    await assertRefused(bytes, /\d+ bytes before a directory without entries/);
    const many = packZip(
      Array.from({ length: 10_001 }, (_, index) => ({ name: `${index}.npy`, content: new Uint8Array(0) })),
    );
    await assertRefused(many, /10001 members, more than 10000/);
  });
});
