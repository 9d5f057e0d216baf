/**
 * `node scripts/bundle-cli.mjs`: bundles the command line, the library and their worker threads, about a hundred modules, into a
 * few files in dist/. A command then starts in two thirds of the time.
 */
import { chmodSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { LICENCES, licencesOf } from './licences.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
/**
 * The command and the library, which share chunks; and the tasks that src/workers/pool.ts expects next to itself, each by itself:
 * common chunks would be dozens of small files, and each thread opens its own.
 */
const BUNDLES = [
  ['cli/main', 'library/exports'],
  ['workers/preprocess-task'],
  ['workers/signals-task'],
  ['workers/simulation-task'],
  ['workers/staging-task'],
];
/** Packages that aren't bundled: they have a binary or a worker file, or they are large and few commands need them. */
const SEPARATE = ['@aws-sdk/*', '@fontsource/*', '@napi-rs/*', '@tensorflow/*', 'echarts'];
/**
 * CommonJS packages that aren't bundled. They are required instead of imported: for an import, Node scans their source for
 * exports in each thread, which takes longer than running them.
 */
const REQUIRED = /^(piscina|@node-rs\/crc32)$/;
const requireThem = {
  name: 'require-them',
  setup(build) {
    build.onResolve({ filter: REQUIRED }, ({ path, namespace }) =>
      namespace === 'required' ? { path, external: true } : { path, namespace: 'required' },
    );
    build.onLoad({ filter: REQUIRED, namespace: 'required' }, ({ path }) => ({
      contents: `module.exports = require('${path}')`,
    }));
  },
};
const CHUNK = /-[A-Z0-9]{8}\.js(\.map)?$/;

for (const name of readdirSync(join(DIST, 'workers'))) {
  if (CHUNK.test(name)) rmSync(join(DIST, 'workers', name));
}
const inputs = new Set();
for (const names of BUNDLES) {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: names.map((name) => join(DIST, `${name}.js`)),
    outdir: DIST,
    outbase: DIST,
    allowOverwrite: true,
    bundle: true,
    splitting: true,
    // In the folder of the chunk that contains pool.ts, so that pool.ts finds the tasks next to itself.
    chunkNames: 'workers/[name]-[hash]',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    // ES modules first: for a CommonJS package, `await import()` would give only the default export.
    mainFields: ['module', 'main'],
    external: SEPARATE,
    plugins: [requireThem],
    sourcemap: true,
    metafile: true,
    // The licences are in a file of their own.
    legalComments: 'none',
    logLevel: 'warning',
    // Some packages are CommonJS and load Node's own modules with `require`.
    banner: {
      js: "import{createRequire as makeRequire}from'node:module';const require=makeRequire(import.meta.url);",
    },
  });
  for (const input of Object.keys(metafile.inputs)) inputs.add(input);
}
writeFileSync(join(DIST, LICENCES), licencesOf(ROOT, [...inputs]));
// npm links the command to this file.
chmodSync(join(DIST, 'cli/main.js'), 0o755);
