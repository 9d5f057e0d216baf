/** What the launcher runs, by the outputs of earlier sessions that it finds. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { scratch } from '../support/fixtures.ts';
import { runPython } from '../support/python.ts';

const LAUNCHER = fileURLToPath(new URL('../../containers/kaggle/launch.py', import.meta.url));

/** Prints what `call` gives with the launcher's functions, as JSON, or the message with which it exits. */
const SOURCE = `import json, runpy, sys
from pathlib import Path
launcher, folder, call = sys.argv[1:]
names = runpy.run_path(launcher)
space = names["train"].__globals__
space.update(INPUT=Path(folder) / "input", WORKING=Path(folder) / "working")
try:
    print(json.dumps(eval(call, space), default=str))
except SystemExit as error:
    print(json.dumps(str(error)))
`;

interface Trained {
  name: string;
  settings: object;
  files?: string[];
}

/** A Kaggle machine whose notebook has the output of an earlier gw-training as input. */
function machine(t: TestContext, trained: Trained[], working: Trained[] = []) {
  const folder = scratch(t);
  mkdirSync(join(folder, 'working'));
  mkdirSync(join(folder, 'input/g2net-preprocessed-tfrecords'), { recursive: true });
  const write = (place: string, runs: Trained[]) => {
    const saved = join(folder, place, 'models/saved');
    mkdirSync(saved, { recursive: true });
    for (const { name, settings, files = ['weights.npz', 'predictions.csv'] } of runs) {
      writeFileSync(join(saved, `${name}_config.json`), JSON.stringify(settings));
      for (const file of files) writeFileSync(join(saved, `${name}_${file}`), '');
    }
  };
  if (trained.length > 0) write('input/gw-training', trained);
  if (working.length > 0) write('working', working);
  return (call: string) => {
    const printed = runPython(SOURCE, LAUNCHER, folder, call).trim().split('\n');
    const value = JSON.parse(printed.at(-1)!);
    return typeof value === 'string'
      ? value
      : (value as string[][]).map((words) => words.map((word) => word.replace(folder, '')));
  };
}

const run = (minute: number, settings: object, files?: string[]): Trained => ({
  name: `coherent_20260101_00${minute}`,
  settings: { preset: 'coherent', epochs: 5, folds: 2, fold: 0, n_gpus: 1, ...settings },
  ...(files && { files }),
});
const TRAIN = (...words: string[]) => `list(train(${JSON.stringify(['--preset', 'coherent', ...words])}))`;

test('folds that were trained with the same options are not trained again', (t) => {
  const runs = [run(10, {}), run(11, { fold: 1, epochs: 9 }), run(12, { fold: 1 }, [])];
  const words = TRAIN('--epochs', '5', '--folds=2', '--fresh');
  const [command] = machine(t, runs)(words.replace('list', '[next').concat(']')) as string[][];
  assert.deepEqual(command!.slice(3), ['--preset', 'coherent', '--epochs', '5', '--folds=2', '--fold', '1']);
});

test('all folds that are trained are joined; without one’s predictions they are not', (t) => {
  const saved = '/working/models/saved/coherent_20260101_00';
  const both = [run(10, {}), run(11, { fold: 1 })];
  assert.deepEqual(machine(t, both)(TRAIN('--folds', '2')), [
    ['oof', `${saved}10_predictions.csv`, `${saved}11_predictions.csv`, '--out', '/working/models/oof.csv'],
  ]);
  assert.deepEqual(
    machine(t, [run(10, {}, ['weights.npz']), run(11, { fold: 1 })])(TRAIN('--folds', '2')),
    [],
  );
});

test('a fold that started from other weights, or had signals injected, is trained again', (t) => {
  const own = { init: 'w.npz', signals: 'signals' };
  const given = ['--init', '/kaggle/input/a/w.npz', '--inject', '/kaggle/input/b/signals/'];
  const firstFold = (runs: Trained[], ...options: string[]) => {
    const words = JSON.stringify(['--preset', 'coherent', '--folds', '2', ...options]);
    return (machine(t, runs)(`[next(train(${words}))]`) as string[][])[0]!.at(-1);
  };
  assert.equal(firstFold([run(10, own)], ...given), '1');
  assert.equal(firstFold([run(10, own)]), '0');
  assert.equal(firstFold([run(10, {})], ...given), '0');
  assert.equal(firstFold([run(10, { ...own, init: 'v.npz' })], ...given), '0');
});

test('one model, or one fold, is trained by one command', (t) => {
  for (const words of [[], ['--folds', '3', '--fold', '1']]) {
    const commands = machine(t, [])(TRAIN(...words)) as string[][];
    assert.equal(commands.length, 1);
    assert.deepEqual(commands[0]!.slice(3), ['--preset', 'coherent', ...words]);
  }
});

test('the models of the last training predict, of each fold the newest, wherever they were trained', (t) => {
  const weights = (...runs: Trained[]) => machine(t, runs)('[[file] for file in find_weights()]');
  const file = (minute: number) => [
    `/input/gw-training/models/saved/coherent_20260101_00${minute}_weights.npz`,
  ];
  assert.deepEqual(
    weights(run(10, { epochs: 1 }), run(11, {}), run(12, { fold: 1, n_gpus: 2 }), run(13, {})),
    [file(13), file(12)],
  );
  assert.deepEqual(weights(run(10, { folds: 3 })), [file(10)]);
  const twice = { ...run(10, {}), name: 'coherent_20260101_0010_2' };
  assert.match(JSON.stringify(weights(run(10, {}), twice)), /_0010_2_weights/);
  assert.match(
    String(weights(run(10, { folds: 3 }), run(11, { folds: 3, fold: 2 }))),
    /no model of fold 1 of 3/,
  );
  assert.match(String(weights(run(10, {}, []))), /has no weights: add the output of gw-training/);
});
