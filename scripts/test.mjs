/**
 * `npm test [-- FILE...]`: sets everything up, checks types, style and unused code, and runs the tests. `npm run test:fast` runs
 * those that need nothing but Node: no Python, no TensorFlow, no emulator, no root, no network.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  build,
  buildAddon,
  buildKernels,
  checkNode,
  giveUp,
  installBrowser,
  installPackages,
  installPython,
  listSources,
  ROOT,
  requireCompiler,
} from './setup.mjs';

const words = process.argv.slice(2);
const isFast = words.includes('--fast');
const chosen = words.filter((word) => word !== '--fast');

checkNode();
installPackages();
if (isFast) {
  buildKernels();
  buildAddon();
} else {
  requireCompiler();
  installPython();
  installBrowser();
  build();
}

function run(...args) {
  const { status, signal } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? (signal ? 1 : 0));
}

/** Whether a test, or a helper that it imports, starts other programs, threads of its own, a browser or TensorFlow. */
function needsMore(file, seen = new Set()) {
  seen.add(file);
  const text = readFileSync(join(ROOT, file), 'utf8');
  if (/'node:(child_process|worker_threads)'|'playwright-core'|from '[^']*tensorflow[^']*'/.test(text))
    return true;
  return [...text.matchAll(/from '(\.[^']*)'/g)]
    .map(([, name]) => join(dirname(file), name))
    .filter((other) => /^(test|bench)\//.test(other) && !seen.has(other) && existsSync(join(ROOT, other)))
    .some((other) => needsMore(other, seen));
}

if (chosen.length === 0) {
  run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.json');
  run('node_modules/@biomejs/biome/bin/biome', 'check', '.');
  run('node_modules/knip/bin/knip.js', '--no-progress');
}
const all = chosen.length > 0 ? chosen : listSources('test', '.test.ts').sort();
const files = isFast ? all.filter((file) => !needsMore(file)) : all;
if (files.length === 0)
  giveUp(isFast ? 'none of these tests needs only Node: use npm test' : 'no test files found');
/** Tests that measure time or memory, or package the functions (in a folder that all share), run alone, after the others. */
const ALONE =
  /^test\/(cli\/preprocess|cloud\/(policies|state-machine|template)|e2e\/(cloud|commands)|fuzz\/fuzz|storage\/limited|training\/memory)\.test\.ts$/;
const isAlone = (file) => ALONE.test(file);
for (const [group, concurrency] of [
  [files.filter((file) => !isAlone(file)), 2],
  [files.filter(isAlone), 1],
])
  if (group.length > 0) run('--import', 'tsx', '--test', `--test-concurrency=${concurrency}`, ...group);
