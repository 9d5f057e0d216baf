/**
 * `npm run local:demo [-- OPTIONS OF local:up]`: runs all steps in the emulated cloud of this machine: deploys, uploads simulated
 * samples, shows the progress of preprocessing, trains briefly, and lists the artifacts.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build, checkNode, installEmulator, installPackages, ROOT, runNode } from './setup.mjs';

const given = process.argv.slice(2);
checkNode();
installPackages();
await installEmulator(given);
build();

const CLI = join(ROOT, 'dist/cli/main.js');
const RAW = join(ROOT, '.chirpline/local/demo');
/** Each demo has its own dataset, so that it shows all steps. */
const DATASET = `demo-${new Date().toISOString().slice(0, 19).replace(/\D/g, '')}`;

function run(what, args) {
  console.log(`\n$ ${what}`);
  runNode(args);
}
const local = (...words) =>
  run(`npm run local:${words.join(' ')}`, ['--import', 'tsx', 'infra/local/main.ts', ...words]);
const chirpline = (...args) => run(`chirpline ${args.join(' ')}`, [CLI, ...args]);

local('up', ...given);
local('deploy');
rmSync(RAW, { recursive: true, force: true });
chirpline('simulate', RAW, '--samples', '1024', '--seed', '1', '--snr-median', '15', '--snr-sigma', '0.4');
chirpline('upload', RAW, '--dataset', DATASET, '--stage', 'local');
chirpline('status', '--stage', 'local', '--dataset', DATASET, '--watch');
chirpline('submit', '--dataset', DATASET, '--stage', 'local', '--epochs', '1', '--learning-rate', '1e-3');
chirpline('status', '--stage', 'local', '--dataset', DATASET, '--watch');

run('the records and the model', ['--import', 'tsx', 'infra/local/list.ts', DATASET]);
