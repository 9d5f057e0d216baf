/** Tests of the library as a package that was installed: its exports, their types, and the examples of their documentation. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { encodeWeights } from '../../src/inference/model-file.ts';
import { initialWeights } from '../../src/model/weights.ts';
import { install, pack } from '../package/packed.ts';
import { folderForTests, ROOT } from '../support/fixtures.ts';

const { folder, remove } = folderForTests();
after(remove);

const INDEX = 'src/library/exports.ts';

/** What the library exports: values with the file that defines them, and the names of types. */
function listExports(): { values: Map<string, string>; types: string[] } {
  const values = new Map<string, string>();
  const types: string[] = [];
  const text = readFileSync(join(ROOT, INDEX), 'utf8');
  for (const [, isType, names = '', from = ''] of text.matchAll(
    /^export (type )?\{([^}]*)\} from '([^']*)'/gm,
  ))
    for (const name of names
      .split(',')
      .map((word) => word.trim())
      .filter(Boolean)) {
      if (isType || name.startsWith('type ')) types.push(name.replace('type ', ''));
      else values.set(name, join(dirname(INDEX), from));
    }
  return { values, types };
}
const { values, types } = listExports();

/** The comment before the definition of an export. */
function docOf(name: string): string {
  const text = readFileSync(join(ROOT, values.get(name)!), 'utf8');
  const [, doc] =
    new RegExp(
      `/\\*\\*((?:(?!\\*/)[^])*)\\*/\\nexport (?:abstract )?(?:async )?(?:function\\*?|const|class) ${name}\\b`,
    ).exec(text) ?? [];
  return (doc ?? '').replace(/^ \* ?/gm, '').trim();
}

const exampleOf = (name: string) => docOf(name).split('@example\n')[1];

const PREPARE = `import { preprocessDataset, simulateDataset } from 'chirpline';
await simulateDataset('raw', { samples: 24, seed: 1 });
await preprocessDataset('raw', 'records', { shardSize: 256 });
`;

before(async () => {
  install(pack(folder), folder);
  // What the examples find: raw samples, records, and a model.
  runModule('prepare.mjs', PREPARE);
  mkdirSync(join(folder, 'model'));
  writeFileSync(join(folder, 'model/demo_weights.npz'), await encodeWeights(initialWeights('diy', 1)));
  copyFileSync(join(folder, 'records/avg_psd.npz'), join(folder, 'model/demo_avg_psd.npz'));
});

function runModule(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  const { status, stdout, stderr } = spawnSync(process.execPath, [name], { cwd: folder, encoding: 'utf8' });
  assert.equal(status, 0, `${name}:\n${text}\n${stderr}`);
  return stdout;
}

test('the exports are these: a change of this list is a change of the interface', () => {
  const loaded = runModule(
    'names.mjs',
    "import * as all from 'chirpline'; console.log(Object.keys(all).join());",
  );
  assert.deepEqual(loaded.trim().split(','), [...values.keys()].sort());
  assert.deepEqual(
    { values: [...values.keys()].sort(), types: types.toSorted() },
    {
      values: [
        ...['BusyError', 'ChirplineError', 'ConflictError', 'DETECTORS', 'InputError', 'MachineError'],
        ...['NotFoundError', 'PreconditionError', 'RECIPE', 'SAMPLE_LENGTH', 'SAMPLE_RATE', 'SAMPLE_SIZE'],
        ...['SPECTRUM_LENGTH', 'SettingError', 'StoppedError', 'TooManyRejectedError', 'createPreprocessor'],
        ...[
          'createSimulator',
          'encodeNpy',
          'estimatePsd',
          'openStore',
          'parseNpy',
          'predict',
          'preprocessDataset',
        ],
        ...['readNpz', 'readPsd', 'readRecords', 'readSamples', 'recipeHash', 'simulateDataset', 'writeNpz'],
        ...['writePsd', 'writeRecords'],
      ],
      types: [
        ...[
          'ByteRange',
          'Detector',
          'GivenSettings',
          'Injection',
          'InputErrorFields',
          'LabelledRecord',
          'ListOptions',
        ],
        ...[
          'LocalFolder',
          'NpyArray',
          'ObjectInfo',
          'ObjectStore',
          'Observer',
          'PredictOptions',
          'Prediction',
        ],
        ...[
          'PreprocessOptions',
          'PreprocessedDataset',
          'Progress',
          'Psd',
          'RawSample',
          'ReadOptions',
          'RecordDType',
        ],
        ...[
          'RejectedSample',
          'SimulateSettings',
          'SimulatedDataset',
          'SimulatedSample',
          'SimulationSettings',
        ],
        ...['Simulator', 'Source', 'Strain', 'WriteOptions'],
      ],
    },
  );
});

test('every export is documented, every function with what it returns, throws, and an example', () => {
  const guide = readFileSync(join(ROOT, 'docs/library.md'), 'utf8');
  for (const name of values.keys()) {
    const doc = docOf(name);
    assert.ok(doc.length > 10, `${name} has no documentation`);
    if (!/^[a-z]/.test(name)) continue;
    assert.match(guide, new RegExp(`\\b${name}\\b`), `docs/library.md doesn't name ${name}`);
    assert.match(doc, /@throws|[Tt]hrow/, name);
    assert.match(doc, /@returns|[Rr]eturns|^Writes |^The |^An? |^Every /, name);
    assert.match(
      exampleOf(name) ?? '',
      new RegExp(`import \\{[^}]*\\b${name}\\b[^}]*\\} from 'chirpline'`),
      name,
    );
  }
});

test('every example runs, and says something', () => {
  for (const name of values.keys()) {
    const example = exampleOf(name);
    if (example !== undefined) checkSaid(name, runModule(`${name}.mjs`, example));
  }
});

/** What writes a file says nothing. */
function checkSaid(name: string, said: string): void {
  if (name !== 'writePsd') assert.notEqual(said, '', `the example of ${name}`);
}

test('the types are complete: the examples compile strictly, with the types of Node alone', () => {
  const names = [...values.keys()].filter((name) => exampleOf(name) !== undefined);
  for (const name of names) writeFileSync(join(folder, `${name}.mts`), exampleOf(name)!);
  const compile = (files: string[]) => {
    const compilerOptions = {
      ...{
        module: 'nodenext',
        target: 'es2022',
        lib: ['es2023'],
        strict: true,
        skipLibCheck: false,
        noEmit: true,
      },
      ...{ types: ['node'], typeRoots: [join(ROOT, 'node_modules/@types')] },
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    return spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  };
  const { status, stdout } = compile(names.map((name) => `${name}.mts`));
  assert.equal(status, 0, stdout);
  writeFileSync(
    join(folder, 'wrong.mts'),
    "import { readPsd } from 'chirpline';\nexport const psd: number = await readPsd('x');\n",
  );
  assert.match(compile(['wrong.mts']).stdout, /Type 'Psd' is not assignable to type 'number'/);
});
