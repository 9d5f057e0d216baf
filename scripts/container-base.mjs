/**
 * `npm run container:base [-- --tag NAME --mirror URL]`: Debian 12 with Node 22 as an image, made of packages by
 * mmdebstrap and pip. For machines that reach no registry of images: container:build takes it by --base.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, checkNode, giveUp, installPackages } from './setup.mjs';

const { values } = parseArgs({
  options: {
    tag: { type: 'string', default: 'localhost/chirpline-base' },
    mirror: { type: 'string', default: 'http://deb.debian.org/debian' },
  },
});

checkNode();
installPackages();
build();
const { downloadNode, NODE_WHEEL } = await import('../dist/kaggle/node.js');
const folder = mkdtempSync(join(tmpdir(), 'chirpline-base-'));
try {
  run(
    'mmdebstrap',
    '--quiet',
    '--variant=minbase',
    '--include=ca-certificates',
    'bookworm',
    place('root.tar'),
    values.mirror,
  );
  const wheel = await downloadNode(folder, console.log);
  run('python3', '-m', 'zipfile', '-e', wheel, place('wheel'));
  writeFileSync(
    place('Dockerfile'),
    `FROM scratch\nADD root.tar /\nCOPY --chmod=755 wheel/${NODE_WHEEL.program} /usr/local/bin/node\n`,
  );
  run('podman', 'build', '--quiet', '--tag', values.tag, folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function place(name) {
  return join(folder, name);
}

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (error?.code === 'ENOENT') giveUp(`${command} is needed: apt-get install ${command}`);
  if (status !== 0) giveUp(`${command} failed: see above.`);
}
