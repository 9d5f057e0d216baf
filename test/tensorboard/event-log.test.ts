import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { InputError } from '../../src/core/errors.ts';
import { readRecords } from '../../src/records/tfrecord.ts';
import { createEventLog, type EventFile } from '../../src/tensorboard/event-log.ts';
import { countValues } from '../../src/tensorboard/histogram.ts';
import { type EpochFigures, logEpoch } from '../../src/tensorboard/training-events.ts';
import { folderForTests } from '../support/fixtures.ts';
import { runPython } from '../support/python.ts';

/**
 * Reads folders of event files with TensorBoard's own reader, and computes its own histogram of the given numbers. All in one
 * process, since TensorFlow, which it loads, takes seconds.
 */
const READ = `
import json, sys
import numpy as np
from tensorboard.backend.event_processing import event_file_loader, plugin_event_accumulator
from tensorboard.plugins.histogram import summary_v2
from tensorboard.util import tensor_util
folders, numbers = json.loads(sys.argv[1]), json.loads(sys.argv[2])
def read(folder, first):
    log = plugin_event_accumulator.EventAccumulator(folder, tensor_size_guidance={'tensors': 0})
    log.Reload()
    points = lambda tag: [
        [e.wall_time, e.step, tensor_util.make_ndarray(e.tensor_proto).tolist()] for e in log.Tensors(tag)
    ]
    def kind(tag):
        metadata = log.SummaryMetadata(tag)
        return [metadata.plugin_data.plugin_name, int(metadata.data_class)]
    tags = log.Tags()['tensors']
    events = list(event_file_loader.RawEventFileLoader(folder + '/' + first).Load())
    return {
        'version': log.file_version,
        'start': log.FirstEventTimestamp(),
        'points': {tag: points(tag) for tag in tags},
        'kinds': {tag: kind(tag) for tag in tags},
        'eventsOfFirst': len(events),
    }
histogram = summary_v2.histogram_pb('h', np.array(numbers)).value[0].tensor
print(json.dumps({
    'logs': [read(*place) for place in folders],
    'histogram': tensor_util.make_ndarray(histogram).tolist(),
}))`;

interface Reading {
  version: number;
  start: number;
  /** [wall time, step, value] */
  points: Record<string, [number, number, unknown][]>;
  /** [plugin, data class] */
  kinds: Record<string, [string, number]>;
  eventsOfFirst: number;
}

/** A clock that advances by a quarter of a second at each call. */
function makeClock(start: number): () => number {
  let now = start - 0.25;
  return () => {
    now += 0.25;
    return now;
  };
}

const PROBABILITIES = Float64Array.from({ length: 1000 }, (_, i) => ((i * 0.618) % 1) ** 2);

function figures(epoch: number, auc: number | null): EpochFigures {
  return {
    epoch,
    loss: 0.7 / epoch,
    validationLoss: 0.8 / epoch,
    accuracy: 0.5 + epoch / 100,
    auc,
    learningRate: 1e-4,
    samplesPerSecond: 123.5,
    inputWait: 0.0625,
    probabilities: PROBABILITIES,
    weights: [{ data: Float32Array.of(3, 4) }, { data: Float32Array.of(0) }],
  };
}

/** The rows of countValues. */
function rowsOf(values: Iterable<number>): number[][] {
  const flat = countValues(values);
  return Array.from({ length: flat.length / 3 }, (_, i) => [...flat.subarray(i * 3, i * 3 + 3)]);
}

/** Two epochs; the first one's AUC is undefined. */
function logTraining(): EventFile[] {
  const log = createEventLog({ clock: makeClock(1_800_000_000), pid: 7, firstStep: 1 });
  assert.equal(log.take(), undefined);
  return [1, 2].map((epoch) => {
    logEpoch(log, figures(epoch, epoch === 1 ? null : 0.75));
    const file = log.take()!;
    assert.equal(log.take(), undefined);
    return file;
  });
}

/** Steps 1 to 4, and steps 3 and 4 again after a resume. */
function logResumed(): EventFile[] {
  const stopped = createEventLog({ clock: makeClock(1_800_000_000), pid: 40, firstStep: 1 });
  const resumed = createEventLog({ clock: makeClock(1_800_000_900), pid: 7, firstStep: 3 });
  return (
    [
      [stopped, [1, 2, 3, 4]],
      [resumed, [3, 4]],
    ] as const
  ).flatMap(([log, steps]) =>
    steps.map((step) => {
      log.scalar('loss/training', log === resumed ? 100 + step : step, step);
      return log.take()!;
    }),
  );
}

/** Three steps; the second one's value has a changed byte. */
function logDamaged() {
  const log = createEventLog({ clock: makeClock(1_800_000_000), pid: 7, firstStep: 1 });
  for (const step of [1, 2, 3]) log.scalar('loss/training', step, step);
  const { name, bytes } = log.take()!;
  const [, , , second] = readRecords(bytes, name);
  const broken = new Uint8Array(bytes);
  broken[second!.offset + 20]! ^= 1;
  return { name, bytes, broken, offset: second!.offset };
}

const LOGS = { training: logTraining(), resumed: logResumed(), damaged: logDamaged() };
let readings: Record<keyof typeof LOGS, Reading>;
let histogram: number[][];

before(() => {
  const { folder, remove } = folderForTests();
  const places = [LOGS.training, LOGS.resumed, [{ name: LOGS.damaged.name, bytes: LOGS.damaged.broken }]].map(
    (files, i) => {
      const place = join(folder, String(i));
      mkdirSync(place);
      for (const { name, bytes } of files) writeFileSync(join(place, name), bytes);
      return [place, files[0]!.name];
    },
  );
  const read = JSON.parse(runPython(READ, JSON.stringify(places), JSON.stringify([...PROBABILITIES])));
  remove();
  const [training, resumed, damaged] = read.logs;
  readings = { training, resumed, damaged };
  histogram = read.histogram;
});

test('TensorBoard reads back every figure of a training, with one file per epoch', () => {
  assert.deepEqual(
    LOGS.training.map(({ name }) => name),
    [0, 1].map((n) => `events.out.tfevents.1800000000.chirpline.7.00000${n}.v2`),
  );
  const { version, start, points, kinds, eventsOfFirst } = readings.training;
  assert.equal(version, 2);
  assert.equal(start, 1_800_000_000);
  // The file version, the session start, and a point of every tag except the AUC.
  assert.equal(eventsOfFirst, 10);
  const scalars = {
    'loss/training': [0.7, 0.35],
    'loss/validation': [0.8, 0.4],
    'validation/accuracy': [0.51, 0.52],
    learning_rate: [1e-4, 1e-4],
    'speed/samples_per_second': [123.5, 123.5],
    'speed/input_wait': [0.0625, 0.0625],
  };
  for (const [tag, values] of Object.entries(scalars)) {
    const read = points[tag]!.map(([, step, value]) => [step, value]);
    assert.deepEqual(
      read,
      [...values.map(Math.fround).entries()].map(([i, value]) => [i + 1, value]),
      tag,
    );
    assert.deepEqual(kinds[tag], ['scalars', 1]);
  }
  assert.deepEqual(
    points['loss/training']!.map(([time]) => time),
    [1_800_000_000.25, 1_800_000_002.25],
  );
  assert.deepEqual(points['validation/auc'], [[1_800_000_003, 2, 0.75]]);
  for (const [tag, values] of [
    ['validation/probability', PROBABILITIES],
    ['weights/norm', [5, 0]],
  ] as const) {
    assert.deepEqual(kinds[tag], ['histograms', 2]);
    assert.deepEqual(
      points[tag]!.map(([, step]) => step),
      [1, 2],
    );
    assert.deepEqual(points[tag]![1]![2], rowsOf(values));
  }
  // TensorBoard's own writer makes the same buckets.
  assert.deepEqual(rowsOf(PROBABILITIES), histogram);
  assert.equal(Object.keys(points).length, Object.keys(scalars).length + 3);
});

test('a resumed training replaces what the stopped one logged after its last checkpoint', () => {
  const names = LOGS.resumed.map(({ name }) => name);
  assert.deepEqual(names.toSorted(), names);
  assert.deepEqual(
    readings.resumed.points['loss/training']!.map(([, step, value]) => [step, value]),
    [
      [1, 1],
      [2, 2],
      [3, 103],
      [4, 104],
    ],
  );
});

test('a changed byte is detected by TensorBoard and by our reader', () => {
  const { name, bytes, broken, offset } = LOGS.damaged;
  assert.equal([...readRecords(bytes, name)].length, 5);
  assert.throws(
    () => [...readRecords(broken, name)],
    (error) => error instanceof InputError && error.fields.offset === offset + 12,
  );
  assert.deepEqual(
    readings.damaged.points['loss/training']!.map(([, step]) => step),
    [1],
  );
});

test('histograms of equal values, of none, and of values that are not finite', () => {
  const rows = (values: number[]) => rowsOf(values).filter(([, , count]) => count !== 0);
  assert.deepEqual(rows([]), []);
  assert.deepEqual(rows([2, 2, 2]), [[2, 2, 3]]);
  assert.deepEqual(rows([0, 30, Number.NaN, Number.POSITIVE_INFINITY]), [
    [0, 1, 1],
    [29, 30, 1],
  ]);
  // So close that a bucket between them would have width 0.
  assert.deepEqual(rows([0, 5e-324]), [[0, 5e-324, 2]]);
});
