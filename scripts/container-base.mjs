/**
 * `npm run container:base [-- --tag NAME --mirror URL]`: builds an image of Debian 12 with Node 22 from packages, by
 * mmdebstrap and pip. It is for machines without access to an image registry: pass it to container:build with --base.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
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
const { unpack } = await import('../dist/tensorflow/install/unpack.js');
const folder = mkdtempSync(join(tmpdir(), 'chirpline-base-'));
try {
  await unpack(await downloadNode(folder, console.log), folder, (name) => name === NODE_WHEEL.program);
  run(
    'mmdebstrap',
    ...['--quiet', '--variant=minbase', '--include=ca-certificates'],
    `--customize-hook=copy-in ${place(NODE_WHEEL.program)} /usr/local/bin`,
    ...['bookworm', place('root.tar'), values.mirror],
  );
  run('podman', 'import', '--quiet', place('root.tar'), values.tag);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function place(name) {
  return join(folder, name);
}

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (error?.code === 'ENOENT') giveUp(`${command} is needed: apt-get install ${command}`);
  if (status !== 0) giveUp(`${command} failed: see the output above.`);
}
