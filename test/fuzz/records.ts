/** Parsers of records, and of the files that belong to them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { SAMPLE_SIZE } from '../../src/core/strain.ts';
import { inspectFile } from '../../src/inspect/inspection.ts';
import { encodeIndex, readIndex } from '../../src/preprocess/plan/sample-index.ts';
import { type Manifest, readManifest } from '../../src/preprocess/state/manifest.ts';
import { indexKey, MANIFEST_KEY } from '../../src/preprocess/state/record-keys.ts';
import { formatRejected, parseRejected } from '../../src/preprocess/state/rejected.ts';
import { parseIdList } from '../../src/raw/id-list.ts';
import { parseLabels } from '../../src/raw/labels.ts';
import { isSampleId } from '../../src/raw/sample-ref.ts';
import { decodeExample, encodeExample } from '../../src/records/example.ts';
import { parseMetadata, serializeMetadata } from '../../src/records/metadata.ts';
import { createShardBuilder, readShard } from '../../src/records/shard.ts';
import { shardName } from '../../src/records/shard-names.ts';
import { frameRecord, readRecords, streamRecords } from '../../src/records/tfrecord.ts';
import { findRecords, readRecordRange } from '../../src/training/input/records.ts';
import { surveyRecords } from '../../src/training/input/survey.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { assertKept, decode, digest, encode, target } from './target.ts';

const COUNT = 3;

function makeShard(): Uint8Array {
  const builder = createShardBuilder('float16', COUNT);
  for (let i = 0; i < COUNT; i++) {
    // One number distinguishes the samples.
    const signal = new Float32Array(SAMPLE_SIZE).fill(i, 0, 1);
    builder.add(`id${i}`, i === 1 ? 1 : 0, signal);
  }
  return builder.finish().slice();
}

const shard = makeShard();
const frames = Buffer.concat(['one', '', 'three'].map((text) => frameRecord(encode(text))));
const example = encodeExample({ id: 'ab', label: 1, signal: new Uint8Array(8) });

const HASH = 'a'.repeat(64);
const metadata = serializeMetadata({
  n_samples: COUNT,
  n_failed: 1,
  signal_shape: [3, 4096],
  dtype: 'float16',
  dataset: 'fuzzed',
  recipe: { window: 'tukey', alpha: 0.2 },
  recipe_hash: HASH,
  psd_sha256: HASH,
  labels_sha256: HASH,
  plan_hash: HASH,
  shards: [
    {
      name: shardName(0, 1),
      n_records: COUNT,
      bytes: shard.length,
      sha256: createHash('sha256').update(shard).digest('hex'),
    },
  ],
  software: { name: 'chirpline', version: '1' },
});

const manifest: Manifest = {
  version: 1,
  lease: {
    token: 't',
    kind: 'process',
    holder: 'process 1',
    host: 'h',
    pid: 1,
    born: '1',
    span: 1,
    expires: 1,
  },
  planning: 'p',
  content: {
    settings: { dataset: 'd', dtype: 'float16', shardSize: 1, psdSamples: 1, seed: 1 },
    recipeHash: HASH,
    psdSha256: HASH,
    planHash: HASH,
    labelsSha256: HASH,
    plans: [{ id: 'q', without: ['a'] }],
    shards: [{ name: shardName(0, 1), records: 1, bytes: 1, sha256: HASH, key: 'k', samples: [['a', 1]] }],
    rejected: [{ id: 'a', file: 'f', reason: 'r', key: 'k', etag: 'e' }],
  },
};

async function streamed(bytes: Uint8Array): Promise<string[]> {
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
  }
  const seen: string[] = [];
  for await (const { data } of streamRecords(chunks(), 'x')) seen.push(digest(data));
  return seen;
}

export const RECORDS = [
  target({
    name: 'tfrecord',
    seeds: () => [frames],
    async parse(bytes) {
      const records = [...readRecords(bytes, 'x')].map(({ data }) => data);
      assert.deepEqual(await streamed(bytes), records.map(digest));
      return { records, bytes };
    },
    check: ({ records, bytes }) =>
      assert.deepEqual(Buffer.concat(records.map(frameRecord)), Buffer.from(bytes)),
  }),
  target({
    name: 'example',
    seeds: () => [example],
    parse: (bytes) => decodeExample(bytes, 'x', 0),
    check: (value) => {
      const { id, label, signal } = decodeExample(encodeExample(value), 'again', 0);
      assert.deepEqual([id, label, digest(signal)], [value.id, value.label, digest(value.signal)]);
    },
  }),
  target({
    name: 'shard',
    seeds: () => [shard],
    parse: (bytes) =>
      Array.from(readShard(bytes, 'x', COUNT), ({ id, label, signal }) => [id, label, digest(signal)]),
    check: (records, original) => assert.deepEqual(records, original),
  }),
  target({
    name: 'inspect-shard',
    seeds: () => [shard],
    async parse(bytes) {
      const store = createMemoryStore();
      await store.write('x.tfrecord', bytes);
      return inspectFile(store, 'x.tfrecord');
    },
  }),
  target({
    // Training on a damaged file with --on-corrupt skip.
    name: 'survey',
    seeds: () => [shard],
    async parse(bytes) {
      const store = createMemoryStore();
      await store.write('train.tfrecord', bytes);
      const { set } = await surveyRecords(await findRecords(store));
      const seen: string[] = [];
      for await (const { signal } of readRecordRange(set, 0, set.count)) seen.push(digest(signal));
      assert.equal(seen.length, set.count);
      return seen;
    },
    // Any records may be skipped, but the others must be unchanged.
    check: (signals, original) =>
      assert.deepEqual(
        signals.filter((signal) => !original.includes(signal)),
        [],
      ),
  }),
  target({
    // A dataset whose only shard is damaged: only the original bytes can be read to the end.
    name: 'dataset',
    seeds: () => [shard],
    async parse(bytes) {
      const store = createMemoryStore();
      await store.write('metadata.json', encode(metadata));
      await store.write(shardName(0, 1), bytes);
      const found = await findRecords(store);
      const set = { ...found, count: COUNT, dtype: 'float16' as const };
      for await (const record of readRecordRange(set, 0, COUNT)) void record;
      return digest(bytes);
    },
    check: (bytes, original) => assert.equal(bytes, original),
  }),
  target({
    name: 'metadata',
    text: true,
    seeds: () => [encode(metadata)],
    parse: (bytes) => parseMetadata(bytes, 'metadata.json'),
    check: (value) => assertKept(parseMetadata(encode(serializeMetadata(value)), 'again'), value),
  }),
  target({
    name: 'id-list',
    text: true,
    seeds: () => ['id,target\na,0.5\nb,0.5\n', '\ufeff"target","id"\r\n0.5,"a"\r\n,b\r\n'].map(encode),
    parse: (bytes) => parseIdList(bytes, 'list.csv'),
    check(ids) {
      assert.ok(ids.length > 0 && ids.every(isSampleId));
      assert.equal(new Set(ids).size, ids.length);
    },
  }),
  target({
    name: 'labels',
    text: true,
    seeds: () =>
      ['id,target\na,0\nb,1\n', '\ufeff"target","id"\r\n1,"a"\r\n0,b\r\n', 'id,target\nx,1\nx,1\n,\n'].map(
        encode,
      ),
    parse: (bytes) => parseLabels(bytes, 'labels.csv'),
    check({ labels }) {
      const rows = labels.map(({ id, target }) => `${id},${target}\n`);
      const again = parseLabels(encode(`id,target\n${rows.join('')}`), 'again');
      assert.deepEqual(again, { labels, faults: [], repeated: 0 });
    },
  }),
  target({
    name: 'rejected',
    text: true,
    seeds: () => [
      encode(
        formatRejected([
          { id: 'a', file: 'b', reason: '=c' },
          { id: '', file: "'x", reason: 'd,\n"e' },
        ]),
      ),
    ],
    parse: (bytes) => parseRejected(decode(bytes)),
    check: (rows) => assert.deepEqual(parseRejected(formatRejected(rows)), rows),
  }),
  target({
    name: 'index',
    seeds: () => [
      encodeIndex(
        ['a', 'b', 'c', 'd'].map((id) => ({ ref: { kind: 'npy', id, key: `${id}.npy` }, label: 1 })),
      ),
    ],
    async parse(bytes) {
      const store = createMemoryStore();
      await store.write(indexKey('a-plan'), bytes);
      const index = await readIndex(store, 'a-plan');
      return ['a', 'q'].map((id) => index.find(id));
    },
  }),
  target({
    name: 'manifest',
    seeds: () => [encode(JSON.stringify(manifest))],
    async parse(bytes) {
      const store = createMemoryStore();
      await store.write(MANIFEST_KEY, bytes);
      const found = await readManifest(store);
      return found;
    },
    check: (found) => assert.equal(found.version, 1),
  }),
];
