/**
 * Benchmark of the start-up: CPU time of commands that have next to nothing to do.
 *
 *   npm run bench -- startup [--json] [--beside FOLDER]
 *
 * FOLDER is another built clone, such as of an earlier commit; both run in turns. `node -e 0` is the least that a command can take.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: flags } = parseArgs({
  options: { json: { type: 'boolean', default: false }, beside: { type: 'string' } },
  // Options of other benchmarks are ignored.
  strict: false,
});
const RUNS = 9;
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PRELOAD = fileURLToPath(new URL('support/usage.cjs', import.meta.url));
const clones = [ROOT, ...(typeof flags.beside === 'string' ? [resolve(flags.beside)] : [])];

const folder = mkdtempSync(join(tmpdir(), 'chirpline-bench-'));
const [raw, records] = [join(folder, 'raw'), join(folder, 'records')];
const COMMANDS = {
  'node -e 0': () => ['-e', '0'],
  'chirpline --help': (main: string) => [main, '--help'],
  'chirpline preprocess, 64 samples': (main: string) => [main, 'preprocess', raw, records],
};

try {
  const mainOf = (clone: string): string => join(clone, 'dist/cli/main.js');
  execFileSync(process.execPath, [mainOf(ROOT), 'simulate', raw, '--samples', '64', '--seed', '1'], {
    stdio: 'ignore',
  });
  const taken = Object.entries(COMMANDS).flatMap(([command, argsOf]) =>
    clones.map((clone) => ({ command, clone, args: argsOf(mainOf(clone)), seconds: [] as number[] })),
  );
  for (let run = 0; run < RUNS; run++) for (const one of taken) one.seconds.push(measure(one.args));
  const medians = taken.map(({ command, clone, seconds }) => {
    const [least, median, most] = [0, (RUNS - 1) / 2, RUNS - 1].map(
      (i) => seconds.toSorted((a, b) => a - b)[i]!,
    );
    return { command, clone, least: least!, median: median!, most: most! };
  });
  if (flags.json) console.log(JSON.stringify(medians, undefined, 2));
  else
    for (const { command, clone, median, least, most } of medians)
      console.log(
        `${command.padEnd(34)} ${median.toFixed(3)} s CPU (${least.toFixed(3)}-${most.toFixed(3)})  ${clone}`,
      );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** User and system time of all threads of a process [s]. */
function measure(args: string[]): number {
  rmSync(records, { recursive: true, force: true });
  const file = join(folder, 'usage.json');
  execFileSync(process.execPath, ['--require', PRELOAD, ...args], {
    stdio: 'ignore',
    env: { ...process.env, USAGE_FILE: file },
  });
  return (JSON.parse(readFileSync(file, 'utf8')) as { cpu: number }).cpu;
}
