import { mkdir, readdir, stat } from 'node:fs/promises';
import { devNull } from 'node:os';
import { join, resolve } from 'node:path';
import { MachineError } from '../../core/errors.ts';
import { type CommandResult, runCommand } from './command.ts';
import { SETTING } from './library.ts';

/** Interval between two progress messages of a download [ms]. */
const REPORT_INTERVAL = 10_000;

const WITHOUT = "Without TensorFlow, simulate, preprocess and inspect work; train and predict don't.";

export const PIP_ADVICE =
  'Install Python 3 with pip (Debian, Ubuntu: apt-get install python3-pip; Fedora, Amazon Linux: dnf install python3-pip)';

/**
 * Settings that are for installing into the user's environments. A download touches none, so they are overruled, be they in the
 * environment or in a file. pip ignores empty variables.
 */
const NEUTRAL = { PIP_REQUIRE_VIRTUALENV: '0', PIP_REQUIRE_HASHES: '0', PIP_CONSTRAINT: devNull };

/**
 * Downloads wheels with pip, without their dependencies, and returns their paths. pip uses the user's index, proxy and
 * certificate settings, and checks each file against the hash in the index.
 *
 * `folder` must be empty. All files are written there, including pip's temporary ones. Throws MachineError.
 */
export async function downloadWheels(
  requirements: readonly string[],
  platforms: readonly string[],
  folder: string,
  log: (line: string) => void,
  env: NodeJS.ProcessEnv,
): Promise<string[]> {
  // pip runs in another working folder.
  const place = resolve(folder);
  const wheels = join(place, 'wheels');
  const temporary = join(place, 'pip');
  await mkdir(temporary, { recursive: true });
  const timer = setInterval(() => {
    void megabytesIn(folder).then((size) => log(`  ${size} MB so far`));
  }, REPORT_INTERVAL);
  let run: CommandResult;
  try {
    run = await runCommand(
      'python3',
      [
        ...['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--python-version', '3.12'],
        ...platforms.flatMap((platform) => ['--platform', platform]),
        ...['--progress-bar', 'off', '--no-input', '--disable-pip-version-check', '--dest', wheels],
        ...requirements,
      ],
      { ...env, ...NEUTRAL, TMPDIR: temporary },
    );
  } finally {
    clearInterval(timer);
  }
  if (run.status !== 0) throw pipError(run, requirements);
  return (await readdir(wheels)).sort().map((name) => join(wheels, name));
}

function pipError(run: CommandResult, requirements: readonly string[]): MachineError {
  const what = requirements.join(' ');
  if (run.status === 'missing') {
    return new MachineError(
      `python3 was not found; its pip is needed to download ${what}. ${PIP_ADVICE}. ${WITHOUT}`,
    );
  }
  if (/No module named '?pip/.test(run.stderr)) {
    return new MachineError(
      `python3 has no pip, which is needed to download ${what}. ${PIP_ADVICE}. ${WITHOUT}`,
    );
  }
  const said = run.stderr.trim().split('\n').slice(-5).join('\n');
  return new MachineError(
    `pip could not download ${what} (status ${run.status}):\n${said}\nCheck the network and its settings (HTTPS_PROXY, pip config list). To use a TensorFlow that is already on this machine, let python3 import it or set ${SETTING} to its folder. ${WITHOUT}`,
  );
}

/** Size of the files below a folder [MB]. Files that pip moves meanwhile count 0. */
async function megabytesIn(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = names.map((name) =>
    stat(join(folder, name)).then(
      (file) => (file.isFile() ? file.size : 0),
      () => 0,
    ),
  );
  const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  return Math.round(bytes / 1e6);
}
