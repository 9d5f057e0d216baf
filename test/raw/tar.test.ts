import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { InputError } from '../../src/core/errors.ts';
import { catalogObject } from '../../src/raw/catalog.ts';
import type { ByteRange, ObjectStore } from '../../src/storage/store.ts';
import { scratch } from '../support/fixtures.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { readMarks, sampleFile } from '../support/samples.ts';
import { packTar, packTarMember, paxRecords, type TarPart } from '../support/tar.ts';

/** Samples and faults of an archive. */
async function read(bytes: Uint8Array): Promise<{ seen: [string, number | string][]; faults: string[] }> {
  const store = createMemoryStore();
  const info = await store.write('x.tar', bytes);
  const faults: string[] = [];
  const refs = await catalogObject(store, info, { onFault: (fault) => faults.push(fault.message) });
  return { seen: await readMarks(store, refs), faults };
}

const good = (sample: number): TarPart => ({ name: `s${sample}.npy`, content: sampleFile(sample) });

describe('a tar archive', () => {
  test('rejects irregular members one by one, and has the regular members between them read', async () => {
    const sparse = packTarMember({ name: 'sparse.npy', type: 'S', content: Buffer.alloc(512) });
    const { seen, faults } = await read(
      new Uint8Array(
        Buffer.concat([
          packTarMember(good(0)),
          packTarMember({ name: '../up.npy', content: sampleFile(8) }),
          packTarMember({ name: '/root.npy', content: sampleFile(8) }),
          packTarMember({ name: 'a\\..\\b.npy', content: sampleFile(8) }),
          packTarMember(good(1)),
          packTarMember({ name: 'hard.npy', type: '1', link: 's9.npy', size: 98432 }),
          packTarMember({ name: 'soft.npy', type: '2', link: '/etc/passwd' }),
          packTarMember({ name: 'device.npy', type: '3' }),
          packTarMember({ name: 'pipe.npy', type: '6' }),
          packTarMember({ name: 'folder.npy', type: '5' }),
          sparse,
          packTarMember({
            name: 'header',
            type: 'x',
            content: paxRecords({ 'GNU.sparse.major': '1', path: 'paxsparse.npy' }),
          }),
          packTarMember({ name: 'y.npy', content: Buffer.alloc(512) }),
          packTarMember({ name: 'label.npy', type: 'V' }),
          packTarMember({ name: 'continued.npy', type: 'M' }),
          packTarMember({ name: 'labels.csv', content: Buffer.from('id,target\n') }),
          packTarMember({ name: 'soft.txt', type: '2' }),
          packTarMember({ name: '._s2.npy', content: Buffer.from('x') }),
          packTarMember({ name: 'bad name.npy', content: sampleFile(8) }),
          packTarMember({ name: 'new\nline.npy', content: sampleFile(8) }),
          packTarMember({ name: 'empty.npy' }),
          packTarMember(good(2)),
          Buffer.alloc(1024),
        ]),
      ),
    );
    assert.deepEqual(seen, [
      ['s0', 0],
      ['s1', 1],
      ['empty', 'found no bytes, needed a .npy file'],
      ['s2', 2],
    ]);
    assert.deepEqual(faults, [
      'x.tar!../up.npy: found a path that leaves the archive, needed a path inside it',
      'x.tar!/root.npy: found a path that leaves the archive, needed a path inside it',
      'x.tar!a\\..\\b.npy: found a path that leaves the archive, needed a path inside it',
      'x.tar!hard.npy: found a hard link to a file that is not in the archive, needed a regular file',
      'x.tar!soft.npy: found a symbolic link, needed a regular file',
      'x.tar!device.npy: found a device, needed a regular file',
      'x.tar!pipe.npy: found a named pipe, needed a regular file',
      'x.tar!folder.npy: found a folder, needed a regular file',
      'x.tar!sparse.npy: found a sparse file, needed a regular file',
      'x.tar!paxsparse.npy: found a sparse file, needed a regular file',
      'x.tar!continued.npy: found the rest of a file from another volume, needed a regular file',
      'x.tar!new?line.npy: found an invalid member name, needed at most 1024 characters, no control characters',
      'x.tar!bad name.npy: found a name that is not a valid sample id, needed 1-64 letters, digits, _, - or ., not starting with a dot',
    ]);
  });

  test('that is truncated gives the members before its end, and a fault with the offset', async () => {
    const whole = packTar([good(0), good(1), good(2)]);
    const size = 512 + 98816;
    for (const [length, offset, samples] of [
      [0, 0, 0],
      [511, 0, 0],
      [512, 512, 0],
      [size - 384, size - 384, 1],
      [size, size, 1],
      [size + 100, size, 1],
      [2 * size - 385, 2 * size - 385, 1],
      [3 * size, 3 * size, 3],
    ] as const) {
      const { seen, faults } = await read(whole.subarray(0, length));
      assert.deepEqual(
        seen.map(([, mark]) => mark),
        [0, 1, 2].slice(0, samples),
        `cut to ${length}`,
      );
      assert.equal(faults.length, 1, `cut to ${length}`);
      assert.match(faults[0]!, new RegExp(`^x\\.tar at byte ${offset}: found the end of the file`));
    }
    assert.deepEqual(
      (await read(whole.subarray(0, 3 * size + 512))).faults,
      [],
      'half an end-of-archive marker is enough',
    );
  });

  test('throws the first fault without onFault', async () => {
    const store = createMemoryStore();
    const info = await store.write('x.tar', packTar([good(0)]).subarray(0, 1000));
    await assert.rejects(() => catalogObject(store, info), InputError);
  });

  test('with a damaged header, a second archive appended or a wrong size is read up to that point', async () => {
    const damaged = packTar([good(0), good(1)]);
    damaged[512 + 98816 + 3]! += 1;
    const size = 512 + 98816;
    const pax = (records: Uint8Array): TarPart => ({ name: 'header', type: 'x', content: records });
    for (const [bytes, pattern] of [
      [damaged, new RegExp(`at byte ${size}: found a block with a wrong checksum`)],
      [
        Buffer.concat([packTar([good(0)]), packTar([good(1)])]),
        new RegExp(`at byte ${size + 512}: found \\d+ bytes after the end-of-archive marker`),
      ],
      [packTar([good(0), { ...good(1), size: '-0000000001' }]), /a size that is not a number/],
      [packTar([good(0), { ...good(1), size: '77777777777' }]), /the end of the file, \d+ bytes early/],
      [packTar([good(0), { ...good(1), size: `\x80${'\xff'.repeat(11)}` }]), /a size that is not a number/],
      [
        packTar([good(0), { name: 'x', type: 'L', size: '77777777777' }]),
        /an extended header of 8589934591 bytes/,
      ],
      [packTar([good(0), pax(Buffer.from('99 path=x\n'))]), /a broken record/],
      [packTar([good(0), pax(Buffer.from('no record'))]), /a broken record/],
      [packTar([good(0), pax(paxRecords({ size: '-1' })), good(1)]), /a size that is not a number/],
      [
        packTar([good(0), pax(paxRecords({ size: '99999999999999999' })), good(1)]),
        /a size that is not a number/,
      ],
    ] as const) {
      const { seen, faults } = await read(new Uint8Array(bytes));
      assert.deepEqual(seen, [['s0', 0]], String(pattern));
      assert.equal(faults.length, 1);
      assert.match(faults[0]!, pattern);
    }
  });

  test('may have sizes in pax headers and binary sizes', async () => {
    const file = sampleFile(3);
    const binary = `\x80${'\0'.repeat(7)}${String.fromCharCode(...new Uint8Array(new Uint32Array([file.length]).buffer).toReversed())}`;
    const { seen, faults } = await read(
      packTar([
        { name: 'header', type: 'x', content: paxRecords({ size: String(file.length), path: 'a.npy' }) },
        { name: 'x', content: file, size: 0 },
        { name: 'b.npy', content: file, size: binary },
      ]),
    );
    assert.deepEqual(
      [seen, faults],
      [
        [
          ['a', 3],
          ['b', 3],
        ],
        [],
      ],
    );
  });

  test('is scanned in long reads, which skip the rest of large members', async () => {
    const store = createMemoryStore();
    const big = Buffer.alloc(30 << 20);
    const members = [...Array(9).keys()].map(good);
    const info = await store.write(
      'x.tar',
      packTar([...members, { name: 'big.bin', content: big }, good(9)]),
    );
    const ranges: (ByteRange | undefined)[] = [];
    const watched: ObjectStore = {
      ...store,
      read(key, range, options) {
        ranges.push(range);
        return store.read(key, range, options);
      },
    };
    const refs = await catalogObject(watched, info);
    assert.deepEqual(
      ranges.map((range) => range?.length),
      [8 << 20, 8 << 20],
    );
    assert.deepEqual(
      (await readMarks(store, refs)).map(([, mark]) => mark),
      [...Array(10).keys()],
    );
  });

  test('of each format of GNU tar gives what GNU tar extracts: labels, links, long and foreign names', async (t) => {
    const long = `${'folder'.repeat(20)}/${'d'.repeat(120)}`;
    const folder = scratch(t);
    mkdirSync(join(folder, long), { recursive: true });
    writeFileSync(join(folder, 'a.npy'), sampleFile(1));
    linkSync(join(folder, 'a.npy'), join(folder, 'b.npy'));
    writeFileSync(join(folder, 'caf\u00e9.txt'), 'x');
    writeFileSync(join(folder, long, 'c.npy'), sampleFile(3));
    linkSync(join(folder, long, 'c.npy'), join(folder, long, 'd.npy'));
    for (const format of ['v7', 'ustar', 'oldgnu', 'gnu', 'posix']) {
      // The first two have no long names and no labels.
      const isOld = format === 'v7' || format === 'ustar';
      const names = ['a.npy', 'b.npy', 'caf\u00e9.txt', ...(isOld ? [] : [long])];
      const label = isOld ? [] : ['--label', 'my archive'];
      const args = ['-C', folder, `--format=${format}`, ...label, '-cf', '-', ...names];
      const { stdout, stderr, status } = spawnSync('tar', args, { maxBuffer: 1 << 24 });
      assert.equal(status, 0, String(stderr));
      const { seen, faults } = await read(new Uint8Array(stdout));
      assert.deepEqual(faults, [], format);
      const deep: [string, number][] = isOld
        ? []
        : [
            ['c', 3],
            ['d', 3],
          ];
      assert.deepEqual(seen.sort(), [['a', 1], ['b', 1], ...deep], format);
    }
  });

  test('with the numbers and checksums of old programs is read', async () => {
    const file = sampleFile(4);
    const digits = file.length.toString(8);
    for (const size of [
      `${digits} `,
      ` ${digits.padStart(10)}\0`,
      `${digits.padStart(12, '0')}`,
      `${digits}\0junk`,
    ])
      assert.deepEqual((await read(packTar([{ ...good(4), size }]))).seen, [['s4', 4]], size);
    const folderOfOld = { name: 'train/', type: '\0', size: '\0' };
    const signed = packTar([folderOfOld, good(4)]);
    signed[512 + 60] = 0xe9;
    const header = Buffer.from(signed.buffer, 512, 512);
    header.fill(' ', 148, 156);
    const sum = header.reduce((total, byte) => total + (byte > 127 ? byte - 256 : byte), 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    assert.deepEqual(await read(signed), { seen: [['s4', 4]], faults: [] });
  });

  test('has members of types that POSIX leaves open read as regular files', async () => {
    const { seen, faults } = await read(
      packTar([
        { ...good(5), type: 'Z' },
        { ...good(6), type: '7' },
      ]),
    );
    assert.deepEqual(
      [seen, faults],
      [
        [
          ['s5', 5],
          ['s6', 6],
        ],
        [],
      ],
    );
  });
});
