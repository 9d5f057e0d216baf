/**
 * `node scripts/bundle.mjs`: bundles the program of the container and of Kaggle (containers/training/entry.ts) into
 * containers/training/dist/:
 *
 *     code/           our own code; main.mjs is the entry point
 *     packages/       the npm packages that it uses, and their licences
 *     prepare/        the program that prepares TensorFlow in an image
 *
 * and tfjs into dist/node_modules/, from where the command line, the program and the npm package take it. It is separate because
 * it must load our addon instead of its own. Users of the npm package don't install tfjs, whose install script downloads a
 * TensorFlow of 2021.
 *
 * src/kaggle/program-files.ts copies addons and fonts.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { LICENCES, licencesOf } from './licences.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TARGET = join(ROOT, 'containers/training/dist');
const MODULES = join(ROOT, 'dist/node_modules');
const TFJS = '@tensorflow/tfjs-node-gpu';
/** Packages that aren't bundled: they have a binary or a worker file. */
const SEPARATE = ['@napi-rs/canvas', '@node-rs/crc32', 'piscina'];
/** The program, and the tasks of its worker threads, which it loads by these names from its own folder. */
const ENTRIES = {
  main: 'containers/training/entry.ts',
  'preprocess-task': 'src/workers/preprocess-task.ts',
  'signals-task': 'src/workers/signals-task.ts',
  'staging-task': 'src/workers/staging-task.ts',
};
/** Some packages are CommonJS and load Node's own modules with `require`. */
const REQUIRE =
  "import{createRequire as makeRequire}from'node:module';const require=makeRequire(import.meta.url);";

const options = {
  absWorkingDir: ROOT,
  bundle: true,
  minify: true,
  // Error messages contain class names.
  keepNames: true,
  platform: 'node',
  target: 'node20',
  write: false,
  metafile: true,
  // Licences must be included in all copies.
  legalComments: 'eof',
  logLevel: 'warning',
};

/**
 * Makes each package an entry point as well, so esbuild puts our own code and packages into different files: then no module of a
 * package is reachable only from our entry points.
 */
async function bundleProgram() {
  const packages = await listPackages();
  const { outputFiles, metafile } = await build({
    ...options,
    entryPoints: { ...ENTRIES, ...Object.fromEntries(packages.map((name, i) => [`package-${i}`, name])) },
    format: 'esm',
    splitting: true,
    // ES modules first: for a CommonJS package, `await import()` would give only the default export.
    mainFields: ['module', 'main'],
    outdir: TARGET,
    outExtension: { '.js': '.mjs' },
    external: SEPARATE,
    banner: { js: REQUIRE },
  });
  const outputs = new Map(
    Object.entries(metafile.outputs).map(([path, output]) => [basename(path), describeOutput(output)]),
  );
  const needed = new Set();
  for (const name of Object.keys(ENTRIES)) reach(`${name}.mjs`, outputs, needed);
  for (const { path, text } of outputFiles) {
    const name = basename(path);
    if (!needed.has(name)) continue;
    const { own, imports } = outputs.get(name);
    let moved = text;
    for (const other of own ? imports : []) {
      if (!outputs.get(other).own) moved = moved.replaceAll(`"./${other}"`, `"../packages/${other}"`);
    }
    write(join(own ? 'code' : 'packages', name), moved);
  }
  write(join('packages', LICENCES), licencesOf(ROOT, Object.keys(metafile.inputs)));
}

/** The packages that our own code imports. */
async function listPackages() {
  const { metafile } = await build({
    ...options,
    entryPoints: Object.values(ENTRIES),
    format: 'esm',
    packages: 'external',
    outdir: TARGET,
  });
  const names = Object.values(metafile.outputs).flatMap(({ imports }) =>
    imports.filter(({ external }) => external).map(({ path }) => path),
  );
  return [...new Set(names)].filter((name) => !name.startsWith('node:') && !SEPARATE.includes(name)).sort();
}

function describeOutput({ entryPoint, inputs, imports }) {
  const sources = [...Object.keys(inputs), ...(entryPoint === undefined ? [] : [entryPoint])];
  const packaged = sources.filter((path) => /(^|\/)node_modules\//.test(path)).length;
  const own = packaged < sources.length;
  if (own && packaged > 0) {
    throw new Error(`a bundle contains both own code and packages: ${sources}`);
  }
  return { own, imports: imports.filter(({ external }) => !external).map(({ path }) => basename(path)) };
}

/** Adds `name` and all its direct and indirect imports to `reached`. */
function reach(name, outputs, reached) {
  if (reached.has(name)) return;
  reached.add(name);
  for (const other of outputs.get(name).imports) reach(other, outputs, reached);
}

/** Bundles the program that prepares TensorFlow in the container into one file. */
async function bundlePrepare() {
  const { outputFiles } = await build({
    ...options,
    entryPoints: ['containers/training/prepare.ts'],
    format: 'esm',
    outdir: TARGET,
    banner: { js: REQUIRE },
  });
  write('prepare/prepare.mjs', outputFiles[0].text);
}

/** As a package with the sources of the addon, which is built where there is none, and an empty package that it asks for. */
async function bundleTfjs() {
  const { outputFiles, metafile } = await build({
    ...options,
    entryPoints: [TFJS],
    format: 'cjs',
    // src/tensorflow/graph/bind.ts replaces this module.
    external: ['@mapbox/node-pre-gyp'],
    outdir: TARGET,
  });
  const source = join(ROOT, 'node_modules', TFJS);
  const target = join(MODULES, TFJS);
  const { name, version, license } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
  write(join(target, 'package.json'), JSON.stringify({ name, version, license, main: 'index.js' }));
  write(join(target, 'index.js'), outputFiles[0].text);
  write(join(target, LICENCES), licencesOf(ROOT, Object.keys(metafile.inputs)));
  cpSync(join(source, 'binding'), join(target, 'binding'), { recursive: true });
  write(join(MODULES, '@mapbox/node-pre-gyp/index.js'), '');
}

function write(path, text) {
  const file = resolve(TARGET, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

for (const folder of [TARGET, MODULES]) rmSync(folder, { recursive: true, force: true });
await bundleProgram();
await bundlePrepare();
await bundleTfjs();
