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
}
const files = chosen.length > 0 ? chosen : listSources('test', '.test.ts').sort();
if (files.length === 0) throw new Error('no test files found');
// One file at a time: several of them measure memory or start TensorFlow on every core.
run('--import', 'tsx', '--test', '--test-concurrency=1', ...files);
