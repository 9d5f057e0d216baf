/** `npm test [-- FILE...]`: sets everything up, checks types and style, and runs the tests. */
import { spawnSync } from 'node:child_process';
import {
  build,
  checkNode,
  installBrowser,
  installPackages,
  installPython,
  listSources,
  ROOT,
  requireCompiler,
} from './setup.mjs';

checkNode();
requireCompiler();
installPackages();
installPython();
installBrowser();
build();

function run(...args) {
  const { status, signal } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? (signal ? 1 : 0));
}

const chosen = process.argv.slice(2);
if (chosen.length === 0) {
  run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.json');
  run('node_modules/@biomejs/biome/bin/biome', 'check', '.');
  run('node_modules/knip/bin/knip.js', '--no-progress');
}
const files = chosen.length > 0 ? chosen : listSources('test', '.test.ts').sort();
if (files.length === 0) throw new Error('no test files found');
// Rooms whose tests take one core and measure nothing run two files at a time; of the others several measure memory or
// start TensorFlow on every core.
const LIGHT = ['functions', 'numpy', 'raw', 'records', 'signal', 'simulate', 'storage'];
const isLight = (file) => LIGHT.some((room) => file.startsWith(`test/${room}/`));
for (const [group, concurrency] of [
  [files.filter(isLight), 2],
  [files.filter((file) => !isLight(file)), 1],
])
  if (group.length > 0) run('--import', 'tsx', '--test', `--test-concurrency=${concurrency}`, ...group);
