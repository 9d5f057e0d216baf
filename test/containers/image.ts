/** The training image for the tests: on a Debian that is built from packages, with TensorFlow for the CPU. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../infra/local/cloud.ts';
import { podman, run } from './podman.ts';

export const IMAGE = 'localhost/chirpline-training-test';
const BASE = 'localhost/chirpline-base-test';
const TENSORFLOW = 'localhost/chirpline-tensorflow-test';
const STAMP = join(ROOT, '.chirpline/training-image.stamp');
const BUNDLE = 'containers/training/dist';

/**
 * Builds the image unless it was already built from the same files. Throws, with the output of the build, when that
 * fails.
 */
export function buildTrainingImage(): void {
  const made = existsSync(STAMP) && readFileSync(STAMP, 'utf8') === hashInputs();
  if (made && podman('image', 'exists', IMAGE).status === 0) return;
  if (podman('image', 'exists', BASE).status !== 0) script('scripts/container-base.mjs', '--tag', BASE);
  // Under a name of its own, the stage with TensorFlow serves later builds until it changes.
  buildStage(TENSORFLOW, '--target=tensorflow');
  buildStage(IMAGE);
  writeFileSync(STAMP, hashInputs());
}

/** Builds a stage of the Dockerfile, by default the last one, and removes the image that had its name before. */
function buildStage(name: string, ...more: string[]): void {
  const findId = () => podman('image', 'inspect', '--format', '{{.Id}}', name).stdout.trim();
  const old = findId();
  const options = ['--tag', name, '--base', BASE, '--tensorflow', 'cpu'];
  // Without a network namespace, which not every machine allows.
  script('scripts/container.mjs', ...options, '--', '--network=host', '--layers', ...more);
  if (old !== '' && old !== findId()) podman('rmi', old);
}

function script(...words: string[]): void {
  const started = performance.now();
  const { status, stdout, stderr } = run([process.execPath, ...words], { cwd: ROOT });
  if (status !== 0)
    throw new Error(`${words.join(' ')} failed:\n${stdout.slice(-4000)}${stderr.slice(-4000)}`);
  console.log(`${words[0]}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

function hashInputs(): string {
  const bundled = readdirSync(join(ROOT, BUNDLE), { recursive: true }).map((name) =>
    join(BUNDLE, String(name)),
  );
  const others = ['containers/training/Dockerfile', 'containers/training/bin/chirpline', 'package-lock.json'];
  const hash = createHash('sha256');
  for (const name of [
    ...bundled,
    ...others,
    'src/kaggle/program-files.ts',
    'scripts/container-base.mjs',
  ].sort()) {
    const path = join(ROOT, name);
    if (statSync(path).isFile()) hash.update(name).update(readFileSync(path));
  }
  return hash.digest('hex');
}
