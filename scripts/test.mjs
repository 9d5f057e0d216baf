/**
 * `npm test [-- FILE...]`: sets everything up, checks types, style and unused code, and runs the tests. `npm run test:fast` runs
 * those that need nothing but Node: no Python, no TensorFlow, no emulator, no root, no network.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  build,
  buildAddon,
  buildKernels,
  checkNode,
  giveUp,
  installPackages,
  listSources,
  ROOT,
  requireCompiler,
  runNode,
} from './setup.mjs';

const words = process.argv.slice(2);
const isFast = words.includes('--fast');
const chosen = words.filter((word) => word !== '--fast').map((word) => relative(ROOT, resolve(word)));

const missing = chosen.find((file) => !existsSync(join(ROOT, file)));
if (missing !== undefined) giveUp(`${missing} does not exist`);
checkNode();
if (isFast) {
  installPackages();
  buildKernels();
  buildAddon();
} else {
  requireCompiler();
  // Meanwhile, since on a fresh clone both download for a minute.
  const others = spawn(process.execPath, ['scripts/install-for-tests.mjs'], { cwd: ROOT, stdio: 'inherit' });
  const installed = once(others, 'exit');
  process.once('exit', () => others.kill());
  installPackages();
  build();
  const [status] = await installed;
  if (status !== 0) process.exit(status ?? 1);
}

/** Whether a test, or a helper that it imports, starts other programs, threads of its own, a browser or TensorFlow. */
function needsMore(file, seen = new Set()) {
  seen.add(file);
  const text = readFileSync(join(ROOT, file), 'utf8');
  if (/'node:(child_process|worker_threads)'|'playwright-core'|from '[^']*tensorflow[^']*'/.test(text))
    return true;
  return [...text.matchAll(/(?:from|import) '(\.[^']*)'/g)]
    .map(([, name]) => join(dirname(file), name))
    .filter((other) => /^(test|bench)\//.test(other) && !seen.has(other) && existsSync(join(ROOT, other)))
    .some((other) => needsMore(other, seen));
}

if (chosen.length === 0) {
  runNode(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']);
  runNode(['node_modules/@biomejs/biome/bin/biome', 'check', '.']);
  runNode(['node_modules/knip/bin/knip.js', '--no-progress']);
}
const all = chosen.length > 0 ? chosen : listSources('test', '.test.ts').sort();
const files = isFast ? all.filter((file) => !needsMore(file)) : all;
if (files.length === 0)
  giveUp(isFast ? 'none of these tests needs only Node: use npm test' : 'no test files found');
/** Files that take longest, in this order: they start first, so that no processor is idle at the end. */
const LONGEST = [
  'containers/image',
  'training/compiled',
  'simulation/simulation',
  'kaggle/chain',
  'e2e/cloud',
  'e2e/commands',
  'training/train',
  'training/devices',
  'training/engine',
  'training/mixed',
  'training/resume',
  'cli/preprocess',
  'cli/train',
  'inference/resume',
  'kaggle/kernel',
  'tensorflow/load',
  'training/matched',
  'cli/refusals',
  'export/export',
  'storage/contract',
  'signal/engines',
].map((name) => join('test', `${name}.test.ts`));
const longest = LONGEST.filter((file) => files.includes(file));
const others = files.filter((file) => !LONGEST.includes(file));

// Those that need only Node share two processes, which saves the start of one for each file.
const folder = mkdtempSync(join(tmpdir(), 'chirpline-tests-'));
process.once('exit', () => rmSync(folder, { recursive: true }));
const shared = others.filter((file) => !needsMore(file));
const halves = [0, 1].slice(0, shared.length).map((half) => {
  const imports = shared
    .filter((_, index) => index % 2 === half)
    .map((file) => `import ${JSON.stringify(pathToFileURL(join(ROOT, file)))};\n`);
  const path = join(folder, `half-${half + 1}.mjs`);
  writeFileSync(path, imports.join(''));
  return path;
});

// One more than the processors, since some files wait much.
const concurrency = Math.min(4, availableParallelism() + 1);
const ordered = [...longest, ...halves, ...others.filter((file) => !shared.includes(file))];
runNode(['--import', 'tsx', 'scripts/run-tests.mjs', String(concurrency), ...ordered]);
