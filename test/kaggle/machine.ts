/**
 * A notebook run as Kaggle runs it, as far as one machine can: its paths, its input that can't be written, no network
 * and no Node. Namespaces of Linux do it, which takes root.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync } from 'node:fs';

const PLACE = '/kaggle';

/** Arguments: Kaggle's folder; the one that gets the output; Node; Python; the launcher; pairs of dataset and folder. */
const SCRIPT = `set -e
place=$1 working=$2 node=$3 python=$4 launcher=$5
shift 5
mount -t tmpfs tmpfs "$place"
mkdir -p "$place/working" "$place/input"
mount --bind "$working" "$place/working"
while [ $# -gt 0 ]; do
  mkdir -p "$place/input/$1"
  mount --bind "$2" "$place/input/$1"
  mount -o remount,bind,ro "$place/input/$1"
  shift 2
done
# There, but not a program.
[ -z "$node" ] || mount --bind /dev/null "$node"
cd "$place/working"
exec "$python" "$launcher"
`;

export interface Notebook {
  /** Path of the launcher. */
  launcher: string;
  python: string;
  /** Below /kaggle/input: folders of this machine. */
  datasets: Record<string, string>;
  /** Becomes /kaggle/working. */
  working: string;
}

/** Runs it to its end; `output` is what Kaggle would show. Throws when this machine can't. */
export function runNotebook({ launcher, python, datasets, working }: Notebook) {
  // Only the place to mount at; what is mounted is seen by the notebook alone.
  const made = !existsSync(PLACE);
  if (made) mkdirSync(PLACE);
  try {
    const node = spawnSync('which', ['node'], { encoding: 'utf8' }).stdout.trim();
    const words = [PLACE, working, node, python, launcher, ...Object.entries(datasets).flat()];
    const { status, stdout, stderr, error } = spawnSync(
      'unshare',
      ['--mount', '--net', 'bash', '-c', SCRIPT, 'notebook', ...words],
      { encoding: 'utf8', env: { PATH: process.env.PATH, TF_CPP_MIN_LOG_LEVEL: '3' } },
    );
    if (error) throw error;
    if (/^unshare: |^mount: /m.test(stderr)) {
      throw new Error(`this test makes namespaces and mounts, for which it must be root: ${stderr}`);
    }
    return { status, output: stdout + stderr };
  } finally {
    if (made) rmdirSync(PLACE);
  }
}
