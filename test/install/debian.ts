/** A minimal Debian with Node and Python, and nothing else: no compiler, no pip, no network, an empty home. It needs root. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/fixtures.ts';

const DEBIAN = join(ROOT, '.chirpline/debian');
/** What chirpline should say is missing isn't here: `python3` brings no pip. */
const PACKAGES = 'ca-certificates,python3';

/** Unpacks Debian's packages, once. Throws, with the output, when that fails. */
export function makeDebian(): void {
  if (existsSync(join(DEBIAN, 'made'))) return;
  console.error('# unpacking a minimal Debian (once, about a minute) ...');
  rmSync(DEBIAN, { recursive: true, force: true });
  mkdirSync(join(ROOT, '.chirpline'), { recursive: true });
  const words = ['--quiet', '--variant=minbase', `--include=${PACKAGES}`, 'bookworm', DEBIAN];
  const { status, stderr, error } = spawnSync('mmdebstrap', words, { encoding: 'utf8' });
  if (error) throw new Error('mmdebstrap is needed: apt-get install mmdebstrap', { cause: error });
  if (status !== 0) throw new Error(`mmdebstrap failed: ${stderr}`);
  for (const place of ['usr/local/bin/node', 'made']) writeFileSync(join(DEBIAN, place), '');
}

/** Arguments: an empty folder; Debian; Node; the folder that becomes /place; pairs of a folder and its place; `--`; a command. */
const SCRIPT = `set -e
root=$1 debian=$2 node=$3 work=$4
shift 4
mount -t tmpfs tmpfs "$root"
mkdir "$root/upper" "$root/own" "$root/machine"
mount -t overlay overlay -o "lowerdir=$debian,upperdir=$root/upper,workdir=$root/own" "$root/machine"
root=$root/machine
mount --bind "$node" "$root/usr/local/bin/node"
mkdir -p "$root/place"
mount --bind "$work" "$root/place"
while [ "$1" != -- ]; do
  mkdir -p "$root$2"
  mount --bind "$1" "$root$2"
  mount -o remount,bind,ro "$root$2"
  shift 2
done
shift
mount -t proc proc "$root/proc"
for name in null zero urandom; do touch "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"; done
exec chroot "$root" /usr/bin/env -C /place "$@"
`;

export interface Machine {
  /** The folder that becomes /place. It outlives the machine. */
  work: string;
  /** Folders of this machine, by their places there. They are read-only. */
  folders: Record<string, string>;
  env?: Record<string, string>;
}

/** Runs a command in it. */
export function runInDebian({ work, folders, env = {} }: Machine, ...command: string[]) {
  const empty = join(work, '..', 'root');
  mkdirSync(empty, { recursive: true });
  const places = Object.entries(folders).flatMap(([place, folder]) => [folder, place]);
  const words = [empty, DEBIAN, process.execPath, work, ...places, '--', ...command];
  const { status, stdout, stderr, error } = spawnSync(
    'unshare',
    ['--mount', '--net', '--pid', '--fork', 'bash', '-c', SCRIPT, 'debian', ...words],
    { encoding: 'utf8', env: { PATH: `/opt/chirpline/bin:${SYSTEM_PATH}`, HOME: '/root', ...env } },
  );
  if (error) throw error;
  if (/^(unshare|mount|mkdir): /m.test(stderr))
    throw new Error(`this needs root, for namespaces and mounts: ${stderr}`);
  return { status, stdout, stderr };
}

const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
