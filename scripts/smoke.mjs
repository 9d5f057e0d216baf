/**
 * `node scripts/smoke.mjs 22 24 26`: runs the built command, including training, under each of these Node versions, at the same
 * time, since most of it is waiting for downloads.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build, checkNode, installPackages, ROOT } from './setup.mjs';

checkNode();
installPackages();
build();

const folder = mkdtempSync(join(tmpdir(), 'chirpline-smoke-'));

async function smoke(version) {
  const place = (name) => join(folder, version, name);
  // Outside the repository: its .npmrc disables install scripts, and the package `node` needs its own.
  const node = (...args) =>
    promisify(execFile)('npx', ['-y', '-p', `node@${version}`, 'node', ...args], { cwd: folder });
  const chirpline = (...args) => node(join(ROOT, 'dist/cli/main.js'), ...args);
  const found = (await node('--version')).stdout.trim();
  if (!found.startsWith(`v${version}.`)) throw new Error(`asked for Node ${version}, got ${found}`);
  await chirpline('simulate', place('raw'), '--samples', '40', '--seed', '1');
  await chirpline('run', place('raw'), place('out'), '--epochs', '1', '--batch-size', '16');
  const saved = readdirSync(join(place('out'), 'models/raw/saved'));
  for (const kind of ['weights.npz', 'metrics.json', 'report.html']) {
    if (!saved.some((name) => name.endsWith(kind)))
      throw new Error(`Node ${found}: no ${kind} among ${saved}`);
  }
  console.log(`Node ${found}: simulate, preprocess, train and report passed`);
}

const ended = await Promise.allSettled(process.argv.slice(2).map(smoke));
rmSync(folder, { recursive: true, force: true });
for (const { reason } of ended.filter(({ status }) => status === 'rejected')) {
  console.error(reason);
  process.exitCode = 1;
}
