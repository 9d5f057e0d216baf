/** `node scripts/container-push.mjs IMAGE`: pushes an image to ECR, whose password comes from standard input. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { findBuilder } from './builder.mjs';

const [, , image] = process.argv;
const [registry] = image.split('/');
const builder = findBuilder();
// Not an argument, which other users of the machine would see.
run(['login', '--username', 'AWS', '--password-stdin', registry], readFileSync(0));
run(['push', image]);

/** Ends this process if the builder fails. */
function run(words, input) {
  const stdio = [input === undefined ? 'ignore' : 'pipe', 'inherit', 'inherit'];
  const { status } = spawnSync(builder, words, { stdio, input });
  if (status !== 0) process.exit(status ?? 1);
}
