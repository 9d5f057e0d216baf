/**
 * Runs a notebook as Kaggle does, as far as one machine can: its paths, a read-only input, two CPUs, no network and no Node. It
 * uses Linux namespaces, which needs root.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync } from 'node:fs';

const PLACE = '/kaggle';

/** Arguments: Kaggle's folder; the output folder; Node; Python; the launcher; pairs of dataset and folder. */
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
# The file exists, but is not a program.
[ -z "$node" ] || mount --bind /dev/null "$node"
cd "$place/working"
exec taskset --cpu-list 0,1 "$python" "$launcher"
`;

export interface Notebook {
  /** Path of the launcher. */
  launcher: string;
  python: string;
  /** Folders of this machine, by their paths below /kaggle/input. */
  datasets: Record<string, string>;
  /** The folder that becomes /kaggle/working. */
  working: string;
  /** Hours until the launcher ends the session. */
  hours?: number;
}

/** Runs the notebook to its end; `output` is what Kaggle would show. Throws when this machine can't run it. */
export function runNotebook({ launcher, python, datasets, working, hours }: Notebook) {
  // Only the mount point: what is mounted there is visible to the notebook alone.
  const made = !existsSync(PLACE);
  if (made) mkdirSync(PLACE);
  try {
    const node = spawnSync('which', ['node'], { encoding: 'utf8' }).stdout.trim();
    const limit = hours === undefined ? {} : { CHIRPLINE_HOURS: String(hours) };
    const words = [PLACE, working, node, python, launcher, ...Object.entries(datasets).flat()];
    const { status, stdout, stderr, error } = spawnSync(
      'unshare',
      ['--mount', '--net', 'bash', '-c', SCRIPT, 'notebook', ...words],
      { encoding: 'utf8', env: { PATH: process.env.PATH, TF_CPP_MIN_LOG_LEVEL: '3', ...limit } },
    );
    if (error) throw error;
    if (/^unshare: |^mount: /m.test(stderr)) {
      throw new Error(`this test creates namespaces and mounts, which needs root: ${stderr}`);
    }
    return { status, output: stdout + stderr };
  } finally {
    if (made) rmdirSync(PLACE);
  }
}
