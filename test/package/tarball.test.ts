/** Tests of the npm package: what is in it, under which licences, and that it installs without anybody's scripts. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { folderForTests, ROOT } from '../support/fixtures.ts';
import { install, pack, readManifest } from './packed.ts';

const { folder, remove } = folderForTests();
after(remove);

let tarball: string;
let root: string;
let files: string[];
before(() => {
  tarball = pack(folder);
  root = install(tarball, folder);
  files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) =>
    statSync(join(root, path)).isFile(),
  );
});

/** Most bytes of the tarball: it has 2.1 MB. */
const LIMIT = 3e6;

/** Everything that may be in it. */
const PLACES = [
  /^(package\.json|README\.md|CHANGELOG\.md|LICENSE)$/,
  /^docs\/[a-z-]+\.md$/,
  /^dist\/(cli\/main|library\/exports|workers\/[\w-]+)\.js$/,
  /^dist\/[\w/-]+\.d\.ts$/,
  /^dist\/LICENSES\.txt$/,
  /^dist\/node_modules\/@(tensorflow\/tfjs-node-gpu|mapbox\/node-pre-gyp)\//,
  /^containers\/(kaggle\/(kernel|launch)\.py|training\/dist\/(code|packages|prepare)\/[\w.-]+)$/,
  /^build\/native-linux-x64\.node$/,
];

test('the tarball holds what is run, its types and docs, and is small', () => {
  const strange = files.filter((path) => !PLACES.some((place) => place.test(path)));
  assert.deepEqual(strange, []);
  for (const place of PLACES)
    assert.ok(
      files.some((path) => place.test(path)),
      String(place),
    );
  assert.ok(statSync(tarball).size < LIMIT, `${statSync(tarball).size} bytes`);
});

test('each bundle has the licences of its packages beside it, all of them permissive', () => {
  const bundles = [
    'dist',
    'dist/node_modules/@tensorflow/tfjs-node-gpu',
    'containers/training/dist/packages',
  ];
  for (const bundle of bundles) {
    const text = readFileSync(join(root, bundle, 'LICENSES.txt'), 'utf8');
    const heads = [...text.matchAll(/^(@?[a-z][\w./-]*) \d+\.\d+\.\d+\S*: (.+)$/gm)];
    assert.ok(heads.length >= 5, `${bundle}: ${heads.length} packages`);
    for (const [, name, licence = ''] of heads)
      for (const part of licence.replace(/[()]/g, '').split(' AND '))
        assert.match(part, /^(MIT|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0)$/, name);
  }
  // What is bundled into the command line, by the names in its source.
  const own = readFileSync(join(root, 'dist/LICENSES.txt'), 'utf8');
  for (const name of ['commander', 'csv-parse', 'valibot', 'yauzl', 'protobufjs'])
    assert.match(own, new RegExp(`^${name} \\d`, 'm'));
});

const lock: { packages: Record<string, Locked> } = JSON.parse(
  readFileSync(join(ROOT, 'package-lock.json'), 'utf8'),
);
interface Locked {
  dependencies?: object;
  optionalDependencies?: object;
  hasInstallScript?: true;
}

test('it declares what it loads, and nothing else', () => {
  const loaded = new Set<string>();
  for (const path of files.filter((name) => /^dist\/(cli|library|workers)\/.*\.js$/.test(name))) {
    const text = readFileSync(join(root, path), 'utf8');
    for (const [, name = ''] of text.matchAll(
      /(?:from|import|require|resolve|findPackage)\s?\(?\s?["`]((?:@[a-z][\w.-]*\/)?[a-z][\w.-]*)/g,
    ))
      if (!isBuiltin(name) && `node_modules/${name}` in lock.packages) loaded.add(name);
  }
  // These are in dist/node_modules.
  for (const name of ['@tensorflow/tfjs-node-gpu', '@mapbox/node-pre-gyp']) assert.ok(loaded.delete(name));
  assert.deepEqual([...loaded].sort(), Object.keys(readManifest().dependencies).sort());
});

test('no package that it brings has an install script', () => {
  const seen = new Set<string>();
  const visit = (from: string, name: string): void => {
    const places = [`${from}/node_modules/${name}`, `node_modules/${name}`];
    const place = places.find((path) => path in lock.packages);
    if (place === undefined || seen.has(place)) return;
    seen.add(place);
    const { dependencies, optionalDependencies, hasInstallScript } = lock.packages[place]!;
    assert.equal(hasInstallScript, undefined, `${place} has an install script`);
    for (const other of Object.keys({ ...dependencies, ...optionalDependencies })) visit(place, other);
  };
  for (const name of Object.keys(readManifest().dependencies)) visit('', name);
  assert.ok(seen.size > 20, [...seen].join());
  // The check finds such a package.
  assert.throws(() => visit('', '@tensorflow/tfjs-node-gpu'), /install script/);
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
    assert.equal(scripts[name], undefined, name);
});

test('publint finds nothing to complain about', async () => {
  const bytes = readFileSync(tarball);
  const tar = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const { messages } = await publint({ pkgDir: 'package', pack: { tarball: tar }, strict: true });
  assert.deepEqual(messages, []);
});

test('types and code resolve alike; only require() gives an ES module, which needs Node 22', async () => {
  const result = await checkPackage(createPackageFromTarballData(new Uint8Array(readFileSync(tarball))));
  assert.ok(result.types);
  const kinds = result.problems.map((problem) => problem.kind);
  assert.deepEqual([...new Set(kinds)].sort(), ['CJSResolvesToESM']);
});
