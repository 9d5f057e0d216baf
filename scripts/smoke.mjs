/** `node scripts/smoke.mjs 22 24 26`: runs the built command, including training, under each of these Node versions. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, checkNode, installPackages, ROOT } from './setup.mjs';

checkNode();
installPackages();
build();

const folder = mkdtempSync(join(tmpdir(), 'chirpline-smoke-'));
try {
  for (const version of process.argv.slice(2)) {
    const place = (name) => join(folder, version, name);
    // Outside the repository: its .npmrc disables install scripts, and the package `node` needs its own.
    const chirpline = (...args) =>
      execFileSync('npx', ['-y', '-p', `node@${version}`, 'node', join(ROOT, 'dist/cli/main.js'), ...args], {
        cwd: folder,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      });
    const found = execFileSync('npx', ['-y', '-p', `node@${version}`, 'node', '--version'], {
      cwd: folder,
      encoding: 'utf8',
    }).trim();
    if (!found.startsWith(`v${version}.`)) throw new Error(`asked for Node ${version}, got ${found}`);
    chirpline('simulate', place('raw'), '--samples', '40', '--seed', '1');
    chirpline('run', place('raw'), place('out'), '--epochs', '1', '--batch-size', '16');
    const saved = readdirSync(join(place('out'), 'models/raw/saved'));
    for (const kind of ['weights.npz', 'metrics.json', 'report.html']) {
      if (!saved.some((name) => name.endsWith(kind)))
        throw new Error(`Node ${found}: no ${kind} among ${saved}`);
    }
    console.log(`Node ${found}: simulate, preprocess, train and report passed`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
