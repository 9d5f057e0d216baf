/** Parsers of JSON documents, from other programs or from chirpline. */
import assert from 'node:assert/strict';
import * as v from 'valibot';
import { readUploads } from '../../functions/uploads.ts';
import { parsePartial } from '../../src/inference/partial-file.ts';
import { encodeJson, parseJson } from '../../src/storage/json.ts';
import { s3Event } from '../functions/events.ts';
import { assertKept, decode, encode, target } from './target.ts';

const SCHEMA = v.object({
  version: v.literal(1),
  shards: v.array(
    v.object({ name: v.string(), records: v.pipe(v.number(), v.safeInteger(), v.minValue(0)) }),
  ),
  counts: v.record(v.string(), v.number()),
  note: v.optional(v.string()),
});

/** What the prediction of a partial file is to predict. */
const WANTED = { identity: 'c0ffee', count: 4, rejectable: new Set(['a', 'b', 'c', 'd']) };

export const DOCUMENTS = [
  target({
    name: 'json',
    text: true,
    seeds: () => [
      encodeJson({ version: 1, shards: [{ name: 'a', records: 3 }], counts: { b: 1.5 }, note: 'c' }),
    ],
    parse: (bytes) => parseJson(bytes, 'x.json', SCHEMA),
    check(value) {
      assert.ok(v.is(SCHEMA, value));
      assertKept(parseJson(encodeJson(value), 'again', SCHEMA), value);
    },
  }),
  target({
    name: 'partial-predictions',
    text: true,
    seeds: () => [
      encodeJson({
        version: 2,
        identity: WANTED.identity,
        logits: [-20, 0.25, 1],
        rejected: [{ id: 'b', file: 'b.npy', reason: 'found 3 bytes, needed 80' }],
      }),
    ],
    parse: (bytes) => parsePartial(bytes, 'x.partial', WANTED),
    check({ logits, rejected }) {
      assert.ok(logits.length + rejected.length <= WANTED.count);
      assert.ok(logits.every(Number.isFinite));
      assert.ok(rejected.every(({ id }) => WANTED.rejectable.has(id)));
    },
  }),
  target({
    name: 's3-event',
    text: true,
    seeds: () =>
      [
        s3Event({ key: 'raw/d/train/a b+c%.npy' }),
        s3Event({ key: 'raw/d/a.npy', version: 'v' }, { key: 'raw/e/b' }),
      ].map(encode),
    parse: (bytes) => readUploads(decode(bytes)),
    check: (uploads) => {
      for (const { dataset } of uploads) assert.match(dataset, /^[\w.-]+$/);
    },
  }),
];
