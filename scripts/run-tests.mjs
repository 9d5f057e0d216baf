/**
 * `node --import tsx scripts/run-tests.mjs CONCURRENCY FILE...`: runs test files in the given order, which `node --test` doesn't:
 * it sorts them by name.
 */
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

/**
 * They package the functions. The Serverless Framework uses the same folders for each package, so they run one after another.
 * They mostly wait for the emulator, so they take no place from the others.
 */
const PACKAGING = /test\/(cloud\/package|e2e\/(cloud|commands|deploy))\.test\.ts$/;
const [concurrency, ...files] = process.argv.slice(2);
const packaging = files.filter((file) => PACKAGING.test(file));
const others = files.filter((file) => !PACKAGING.test(file));
await Promise.all([runFiles(packaging, 1), runFiles(others, Number(concurrency))]);

/** Resolves when all have ended. A failure sets the exit code. */
async function runFiles(group, atOnce) {
  if (group.length === 0) return;
  const report = run({ files: group, concurrency: atOnce }).on('test:fail', () => {
    process.exitCode = 1;
  });
  for await (const text of report.compose(new spec())) process.stdout.write(text);
}
