/**
 * `node scripts/bundle-cli.mjs`: puts what the command line and its worker threads load into a few files of dist/, in place
 * of some hundred modules of ours and of packages: a command starts in two thirds of the time.
 */
import { chmodSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
/** The command, and what src/workers/pool.ts looks for beside itself. */
const ENTRIES = ['cli/main', 'workers/preprocess-task', 'workers/simulation-task', 'workers/staging-task'];
/** Packages with a binary, a worker thread in a file of its own, or so large that few commands want them. */
const SEPARATE = ['@aws-sdk/*', '@fontsource/*', '@napi-rs/*', '@tensorflow/*', 'echarts'];
/**
 * Others of the kind, which are CommonJS. They are required in place of imported: Node looks through the source of what is imported
 * for its exports, in each thread, which takes longer than running it.
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
await build({
  entryPoints: ENTRIES.map((name) => join(DIST, `${name}.js`)),
  outdir: DIST,
  outbase: DIST,
  allowOverwrite: true,
  bundle: true,
  splitting: true,
  // Where pool.ts comes to lie, too.
  chunkNames: 'workers/[name]-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // ES modules first: of a CommonJS package `await import()` would give the default export alone.
  mainFields: ['module', 'main'],
  external: SEPARATE,
  plugins: [requireThem],
  sourcemap: true,
  legalComments: 'linked',
  logLevel: 'warning',
  // Some packages are CommonJS and ask for Node's own modules by `require`.
  banner: {
    js: "import{createRequire as makeRequire}from'node:module';const require=makeRequire(import.meta.url);",
  },
});
// `npx chirpline` runs the file itself.
chmodSync(join(DIST, 'cli/main.js'), 0o755);
