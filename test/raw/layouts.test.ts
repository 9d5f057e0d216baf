import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { catalogObject } from '../../src/raw/catalog.ts';
import type { SampleRef } from '../../src/raw/sample-ref.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { runPython } from '../support/python.ts';
import { readMarks } from '../support/samples.ts';

/** Writes every layout by NumPy and Python's tarfile. */
const WRITE = `
import numpy as np, sys, io, tarfile
folder = sys.argv[1]
def marked(first, count):
    return ((np.arange(first, first + count) + 1)[:, None] * 2.0**14 + np.arange(12288)).reshape(count, 3, 4096)
for order in 'CF':
    for name in ['<f8', '>f8', '<f4', '>f4']:
        end = 'le' if name[0] == '<' else 'be'
        for version in (1, 2, 3):
            with open(f'{folder}/single-{order}{end}{name[1:]}-{version}.npy', 'wb') as f:
                np.lib.format.write_array(f, np.array(marked(5, 1)[0], dtype=name, order=order), version=(version, 0))
        np.save(f'{folder}/stack-{order}{end}{name[1:]}.npy', np.array(marked(7, 3), dtype=name, order=order))
np.savez(f'{folder}/singles.npz', a1=marked(1, 1)[0], b2=marked(2, 1)[0].astype('>f4'), c3=np.asfortranarray(marked(3, 1)[0]))
np.savez_compressed(f'{folder}/singlesz.npz', a1=marked(1, 1)[0], b2=marked(2, 1)[0].astype('>f4'), c3=np.asfortranarray(marked(3, 1)[0]))
np.savez(f'{folder}/stacks.npz', x=marked(1, 2), y=marked(3, 3).astype('<f4'), z=np.asfortranarray(marked(6, 2)))
np.savez_compressed(f'{folder}/stacksz.npz', x=marked(1, 2), y=marked(3, 3).astype('<f4'), z=np.asfortranarray(marked(6, 2)))
for format in ['USTAR', 'GNU', 'PAX']:
    with tarfile.open(f'{folder}/{format}.tar', 'w', format=getattr(tarfile, format + '_FORMAT')) as tar:
        tar.addfile(tarfile.TarInfo('readme.txt'), io.BytesIO(b''))
        info = tarfile.TarInfo('./train'); info.type = tarfile.DIRTYPE; tar.addfile(info)
        deep = 'train/' + 'd' * 70 + '/' + 'e' * 70 + '/'
        names = ['train/0/0/0/a1.npy', deep + 'b2.npy', './c3.npy'] + ([] if format == 'USTAR' else ['f' * 120 + '/\\u00e4/d4.npy'])
        for index, name in enumerate(names):
            array = marked(index + 1, 1)[0]
            if index == 2: array = array.astype('>f4')
            data = io.BytesIO(); np.save(data, array)
            info = tarfile.TarInfo(name); info.size = len(data.getvalue()); info.mtime = 1.5 if format == 'PAX' else 1; info.uid = 3000000 if format == 'GNU' else 1
            data.seek(0); tar.addfile(info, data)
`;

describe('raw samples as NumPy and tarfile write them', () => {
  const store = createMemoryStore();
  const marks = async (key: string, ids?: string[]) => {
    const info = await store.head(key);
    assert.ok(info, key);
    // Through JSON, as in a plan.
    const refs = await catalogObject(store, info, ids === undefined ? {} : { labelIds: ids });
    return readMarks(store, JSON.parse(JSON.stringify(refs)) as SampleRef[]);
  };

  before(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'chirpline-'));
    runPython(WRITE, folder);
    for (const name of readdirSync(folder)) await store.write(name, readFileSync(join(folder, name)));
    rmSync(folder, { recursive: true });
  });

  test('are read from single files of every version, dtype and order', async () => {
    for (const order of 'CF') {
      for (const type of ['lef8', 'bef8', 'lef4', 'bef4']) {
        for (const version of [1, 2, 3]) {
          const name = `single-${order}${type}-${version}`;
          assert.deepEqual(await marks(`${name}.npy`), [[name, 5]]);
        }
      }
    }
  });

  test('are read from stacks of every dtype and order, named by the labels', async () => {
    for (const order of 'CF') {
      for (const type of ['lef8', 'bef8', 'lef4', 'bef4']) {
        const seen = await marks(`stack-${order}${type}.npy`, ['p', 'q', 'r']);
        assert.deepEqual(
          seen,
          [
            ['p', 7],
            ['q', 8],
            ['r', 9],
          ],
          `${order}${type}`,
        );
      }
    }
  });

  test('are read from .npz files of single samples, named by the members', async () => {
    const expected = [
      ['a1', 1],
      ['b2', 2],
      ['c3', 3],
    ];
    assert.deepEqual(await marks('singles.npz'), expected);
    assert.deepEqual(await marks('singlesz.npz'), expected);
  });

  test('are read from .npz files of stacks, named by the labels across all members', async () => {
    const ids = ['p', 'q', 'r', 's', 't', 'u', 'v'];
    const expected = ids.map((id, index) => [id, index + 1]);
    assert.deepEqual(await marks('stacks.npz', ids), expected);
    assert.deepEqual(await marks('stacksz.npz', ids), expected);
  });

  test('are read from tar files with long names and pax headers', async () => {
    const expected = [
      ['a1', 1],
      ['b2', 2],
      ['c3', 3],
    ];
    assert.deepEqual(await marks('USTAR.tar'), expected);
    assert.deepEqual(await marks('GNU.tar'), [...expected, ['d4', 4]]);
    assert.deepEqual(await marks('PAX.tar'), [...expected, ['d4', 4]]);
  });
});
