/** Parsers of NumPy's files, and of raw samples in all formats. */
import assert from 'node:assert/strict';
import { SAMPLE_SIZE, SPECTRUM_LENGTH } from '../../src/core/strain.ts';
import { encodeNpy, type NpyArray, parseNpy } from '../../src/numpy/npy.ts';
import { readNpz, readNpzHeaders, writeNpz } from '../../src/numpy/npz.ts';
import { encodePsd, readPsd } from '../../src/preprocess/average-psd.ts';
import { catalogDataset, catalogFile } from '../../src/raw/catalog.ts';
import { nameRows } from '../../src/raw/row-ids.ts';
import { readSamples } from '../../src/raw/samples.ts';
import { encodePackIndex } from '../../src/raw/tar/pack.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { packTar, packTarMember, paxRecords } from '../support/tar.ts';
import { packZip } from '../support/zip.ts';
import { digest, encode, target } from './target.ts';

const sample = encodeNpy({ dtype: '<f8', shape: [3, 4096], data: new Float64Array(SAMPLE_SIZE) });
const float32 = encodeNpy({ dtype: '<f4', shape: [3, 4096], data: new Float32Array(SAMPLE_SIZE) });
const stack = encodeNpy({ dtype: '<f4', shape: [2, 3, 4096], data: new Float32Array(2 * SAMPLE_SIZE) });
const small: Record<string, NpyArray> = {
  a: { dtype: '<f8', shape: [3], data: Float64Array.of(1, 2, 3) },
  b: { dtype: '<f4', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
};
const zipped = packZip([
  { name: 'a.npy', content: float32, deflate: true },
  { name: 'b.npy', content: stack, deflate: true },
]);
const stored = packZip([
  { name: 'a.npy', content: float32 },
  { name: 'b.npy', content: float32, extra: new Uint8Array(20) },
]);
const tar = packTar([
  { name: 'train/a.npy', content: float32 },
  { name: 'b.npy', content: stack },
]);
const extended = Buffer.concat([
  packTarMember({
    name: 'p',
    type: 'x',
    content: paxRecords({ path: 'train/c.npy', size: String(float32.length) }),
  }),
  packTarMember({ name: 'x.npy', content: float32 }),
  packTarMember({ name: '././@LongLink', type: 'L', content: encode('train/very/long/b.npy\0') }),
  packTarMember({ name: 'y.npy', content: float32 }),
  Buffer.alloc(1024),
]);
const members = ['train/a.npy', 'b.npy'].map((name) => ({ name, size: float32.length }));
const pack = Buffer.concat([
  encodePackIndex(members),
  ...members.map(({ name }) => packTarMember({ name, content: float32 })),
  Buffer.alloc(1024),
]);

/** More samples than a changed file can really contain. */
const MANY = 5000;
const LABELS = ['a', 'b', 'c'].map((id) => ({ id, target: 1 as const }));

/** Reads all samples of one object, in the way of `inspect` and in the way of preprocessing. */
function readRaw(key: string) {
  return async (bytes: Uint8Array): Promise<void> => {
    const store = createMemoryStore();
    await store.write(key, bytes);
    const file = await catalogFile(store, key);
    const dataset = await catalogDataset(store, { labels: LABELS });
    for (const { refs } of [file, dataset]) {
      let count = 0;
      for await (const { strain, reason } of readSamples(store, refs)) {
        assert.ok((strain === undefined) !== (reason === undefined));
        assert.ok(++count <= MANY, 'samples without an end');
      }
    }
  };
}

/** The values of the arrays in order. Names aren't compared, since no checksum protects them. */
const contents = (arrays: Map<string, NpyArray>) =>
  [...arrays.values()].map(({ dtype, shape, data }) => [dtype, shape.join(), digest(data)]);

export const ARRAYS = [
  target({
    name: 'npy',
    seeds: () => [sample, stack, encodeNpy({ dtype: '|u1', shape: [3], data: Uint8Array.of(1, 2, 3) })],
    parse: (bytes) => parseNpy(bytes, 'x.npy'),
    check: (array) => assert.deepEqual(parseNpy(encodeNpy(array), 'again.npy'), array),
  }),
  target({ name: 'raw-npy', seeds: () => [sample, float32, stack], parse: readRaw('train/a.npy') }),
  target({
    name: 'npz',
    seeds: async () => [await writeNpz(small), await writeNpz(small, { compress: true }), zipped, stored],
    async parse(bytes) {
      const source = {
        size: bytes.length,
        read: async (at: number, length: number) => bytes.subarray(at, at + length),
      };
      for await (const header of readNpzHeaders(source, 'x.npz')) void header;
      return readNpz(bytes, 'x.npz');
    },
    check: (arrays, original) => assert.deepEqual(contents(arrays), contents(original)),
  }),
  target({ name: 'raw-npz', seeds: () => [zipped, stored], parse: readRaw('x.npz') }),
  target({ name: 'tar', seeds: () => [tar, extended], parse: readRaw('x.tar') }),
  target({ name: 'pack', seeds: () => [pack], parse: readRaw('pack-00000-of-00001.tar') }),
  target({
    name: 'ids',
    text: true,
    seeds: () => [encode('a\nb\n'), encode('\ufeffa\r\nb\r\n\r\n')],
    async parse(bytes) {
      const store = createMemoryStore();
      await store.write('x.ids.txt', bytes);
      return nameRows(store, 'x.npy', 2, undefined);
    },
    check: (ids) => assert.ok(ids.length === 2 && ids.every((id) => /^[\w.-]{1,64}$/.test(id)), `${ids}`),
  }),
  target({
    name: 'psd',
    seeds: async () => [
      await encodePsd(Float64Array.from({ length: 3 * SPECTRUM_LENGTH }, (_, i) => i * 1e-46)),
    ],
    async parse(bytes) {
      const store = createMemoryStore();
      await store.write('avg_psd.npz', bytes);
      return digest((await readPsd(store, 'avg_psd.npz')).psd);
    },
    check: (psd, original) => assert.equal(psd, original),
  }),
];
