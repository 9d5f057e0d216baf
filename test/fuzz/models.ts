/** Parsers of models, checkpoints and settings. */
import assert from 'node:assert/strict';
import { parseConfig } from '../../src/artifacts/config.ts';
import { parseTruth } from '../../src/evaluation/truth.ts';
import { encodeWeights, readModel } from '../../src/inference/model-file.ts';
import { readPreprocessing } from '../../src/inference/model-recipe.ts';
import { parsePredictions, serializePredictions } from '../../src/inference/predictions-file.ts';
import { initialWeights, isTrainable, type Weights } from '../../src/model/weights.ts';
import { isSampleId } from '../../src/raw/sample-ref.ts';
import { encodeJson } from '../../src/storage/json.ts';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '../../src/training/fit/checkpoint.ts';
import { parseStoredState, type StoredState } from '../../src/training/fit/stored-state.ts';
import { completeSettings } from '../../src/training/settings.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { assertKept, decode, digest, encode, target } from './target.ts';

const KEY = 'diy_20260101_0000_weights.npz';
const RUN = 'diy_20260101_0000';
const BOUNDS = completeSettings({ preset: 'diy', epochs: 50, batch_size: 4 }, 'cpu');
const weights = initialWeights('diy', 1);

const stored: StoredState = {
  version: 1,
  run: RUN,
  updates: 9,
  state: {
    epoch: 2,
    step: 2,
    samples: 8,
    lossSum: 5.5,
    seconds: 1.5,
    waited: 0.25,
    schedule: {
      learningRate: 1e-3,
      best: { loss: 0.5, auc: 0.8 },
      improved: true,
      epochsSinceBest: 0,
      epochsOnPlateau: 0,
      stop: false,
    },
    history: {
      epochs: [
        {
          epoch: 1,
          loss: 0.6,
          val_loss: 0.5,
          val_accuracy: 0.8,
          val_auc: null,
          learning_rate: 1e-3,
          seconds: 3,
          input_wait: 0.1,
          best: true,
        },
      ],
      best_epoch: 1,
    },
  },
};
const checkpoint: Checkpoint = {
  run: RUN,
  snapshot: {
    state: stored.state,
    weights,
    best: weights,
    optimizer: {
      updates: stored.updates,
      moments: [...weights]
        .filter(([name]) => isTrainable(name))
        .flatMap(([, { data }]) => [new Float32Array(data.length), new Float32Array(data.length)]),
    },
  },
};

const digests = (arrays: Weights) => [...arrays].map(([name, { data }]) => [name, digest(data)]);

export const MODELS = [
  target({
    name: 'weights',
    seeds: async () => [await encodeWeights(weights)],
    async parse(bytes) {
      const store = createMemoryStore();
      await store.write(KEY, bytes);
      const model = await readModel(store, KEY);
      return [model.preset, digests(model.weights)];
    },
    check: (model, original) => assert.deepEqual(model, original),
  }),
  target({
    name: 'checkpoint',
    seeds: async () => [await encodeCheckpoint(checkpoint)],
    async parse(bytes) {
      const { run, snapshot } = await decodeCheckpoint(bytes, BOUNDS, 'c.npz');
      const { state, weights, best, optimizer } = snapshot;
      return [run, state, digests(weights), digests(best), optimizer.updates, optimizer.moments.map(digest)];
    },
    check: (value, original) => assert.deepEqual(value, original),
  }),
  target({
    name: 'stored-state',
    text: true,
    seeds: () => [encode(JSON.stringify(stored))],
    parse: (bytes) => parseStoredState(bytes, BOUNDS, 'c.npz'),
    check: (value) => assertKept(parseStoredState(encodeJson(value), BOUNDS, 'again'), value),
  }),
  target({
    name: 'recipe',
    text: true,
    seeds: () => [
      encode(JSON.stringify({ recipe: {}, recipe_hash: 'b'.repeat(64), psd_sha256: 'c'.repeat(64) })),
    ],
    async parse(bytes) {
      const store = createMemoryStore();
      await store.write(`${RUN}_recipe.json`, bytes);
      return readPreprocessing(store, KEY);
    },
  }),
  target({
    name: 'predictions',
    text: true,
    seeds: () =>
      [
        'id,target,prediction,fold\na,1,0.5,0\n-b,0,1e-7,0\n',
        '\ufeff"fold",prediction,target,id,note\r\n999,0.25,0,a.b,"x\ny"\r\n',
      ].map(encode),
    parse: (bytes) => parsePredictions(bytes, 'p.csv'),
    check(value) {
      assert.ok(value.ids.every(isSampleId) && value.probabilities.every((p) => p >= 0 && p <= 1));
      // Compared as text, which has no -0.
      const text = serializePredictions([value]);
      assert.equal(serializePredictions([parsePredictions(encode(text), 'again')]), text);
    },
  }),
  target({
    name: 'truth',
    text: true,
    seeds: () =>
      [
        'id,target,m1,snr_net,tc\na,1,30.5,8.25,1.75\n-b,0,,,\n',
        '\ufefftc,"snr_net",target,id\r\n2,1e6,1,"a.b"\r\n',
      ].map(encode),
    parse: (bytes) => [...parseTruth(bytes, 't.csv').samples],
    check(value) {
      for (const [id, injected] of value) {
        const { snr, tc } = injected ?? { snr: 0, tc: 0 };
        assert.ok(isSampleId(id) && snr >= 0 && snr <= 1e6 && tc >= 0 && tc <= 2);
      }
    },
  }),
  target({
    name: 'config',
    text: true,
    seeds: () =>
      [
        'preset: diy\nepochs: 3\nlearning_rate: 1e-4\nsign_flip: true\n',
        '{"epochs": 3, "batch_size": 16, "schedule": "cosine"}',
        'epochs: !!int "3"\nseed: 0x1F\n',
      ].map(encode),
    parse: (bytes) => parseConfig(decode(bytes), 'c.yaml'),
    check: (given) => assertKept(parseConfig(JSON.stringify(given), 'again'), given),
  }),
];
