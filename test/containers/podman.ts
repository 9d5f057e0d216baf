/** podman for the tests: installed where it is missing, and configured without a file outside of the repository. */
import { type SpawnSyncOptions, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../infra/local/cloud.ts';

/** podman, its runtime, its network stack, the program for `--init`, and the builder of an image from packages. */
const PACKAGES = ['podman', 'runc', 'netavark', 'catatonit', 'mmdebstrap'];
const PROGRAMS = ['podman', 'runc', 'catatonit', 'mmdebstrap'];

/**
 * The defaults (crun, systemd's cgroups, the journal, limits above the caller's) need more than a plain machine has.
 */
const SETTINGS = `[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
`;

/** Sets CONTAINERS_CONF for this process and its children. Throws when podman can't be installed or doesn't work. */
export function preparePodman(): void {
  if (PROGRAMS.some((name) => run(['which', name]).status !== 0)) {
    const apt = (...words: string[]) =>
      run(['apt-get', ...words], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
    apt('update', '-qq');
    const { status, stderr } = apt('install', '-y', '-qq', '--no-install-recommends', ...PACKAGES);
    if (status !== 0) {
      throw new Error(
        `the tests of the training container need podman: apt-get install ${PACKAGES.join(' ')} (failed: ${stderr.trim()})`,
      );
    }
  }
  const folder = join(ROOT, '.chirpline');
  mkdirSync(folder, { recursive: true });
  process.env.CONTAINERS_CONF = join(folder, 'containers.conf');
  writeFileSync(process.env.CONTAINERS_CONF, SETTINGS);
  const { status, stderr } = run(['podman', 'info']);
  if (status !== 0) throw new Error(`podman is installed but does not work here: ${stderr.trim()}`);
}

export function podman(...args: string[]) {
  return run(['podman', ...args]);
}

export function run([command, ...args]: [string, ...string[]], options: SpawnSyncOptions = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { ...options, encoding: 'utf8' });
  if (error) throw error;
  return { status, stdout, stderr };
}
