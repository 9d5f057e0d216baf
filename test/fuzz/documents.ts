/** Parsers of JSON documents, from other programs or from chirpline. */
import assert from 'node:assert/strict';
import * as v from 'valibot';
import { readUploads } from '../../functions/uploads.ts';
import { parseRunConfig, serializeConfig } from '../../src/artifacts/config.ts';
import { serializeHistory } from '../../src/artifacts/metrics-file.ts';
import { parseHistory } from '../../src/evaluation/trainings.ts';
import { parsePartial } from '../../src/inference/partial-file.ts';
import { encodeJson, parseJson } from '../../src/storage/json.ts';
import { madeUpConfig, madeUpEpochs } from '../artifacts/made-up.ts';
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
    name: 'history',
    text: true,
    seeds: () => [encode(serializeHistory({ epochs: madeUpEpochs(2) }))],
    parse: (bytes) => parseHistory(bytes, 'history.json'),
    check({ epochs }) {
      assert.ok(epochs.length > 0 && epochs.every(({ epoch }, i) => epoch > (epochs[i - 1]?.epoch ?? 0)));
      const again = parseHistory(encode(serializeHistory({ epochs })), 'again');
      assert.deepEqual(again, { epochs });
    },
  }),
  target({
    name: 'run-config',
    text: true,
    seeds: () => [encode(serializeConfig({ ...madeUpConfig(), signals: 's', init: 'x_weights.npz' }))],
    parse: (bytes) => parseRunConfig(decode(bytes), 'config.json'),
    check(config) {
      for (const value of Object.values(config))
        assert.ok(['string', 'number', 'boolean'].includes(typeof value), `${value}`);
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
