import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Python of the test environment, which `npm test` creates from test/python/requirements.txt. */
export const PYTHON = fileURLToPath(new URL('../../.chirpline/python/bin/python', import.meta.url));

/** Runs Python source with arguments and returns its standard output. Throws with its standard error if it fails. */
export function runPython(source: string, ...args: string[]): string {
  const run = spawnSync(PYTHON, ['-c', source, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3', CUDA_VISIBLE_DEVICES: '' },
  });
  if (run.error) throw run.error;
  if (run.status !== 0) throw new Error(`Python ended with ${run.status}: ${run.stderr}`);
  return run.stdout;
}

/** The site-packages folder of the test environment. */
export function sitePackages(): string {
  const lib = join(dirname(PYTHON), '..', 'lib');
  const [python] = readdirSync(lib).filter((name) => name.startsWith('python3'));
  return join(lib, python ?? '', 'site-packages');
}
