/**
 * `node --import tsx scripts/run-tests.mjs CONCURRENCY FILE...`: runs test files in the given order, which `node --test` doesn't:
 * it sorts them by name. Files that package the functions run one after another, beside the others, because the Serverless
 * Framework uses the same folder `.serverless` for each package.
 */
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const PACKAGING = /test\/(cloud\/package|e2e\/(buckets|cloud|commands))\.test\.ts$/;
const [concurrency, ...files] = process.argv.slice(2);
const packaging = files.filter((file) => PACKAGING.test(file));
const others = files.filter((file) => !PACKAGING.test(file));
start(packaging, 1);
start(others, Math.max(1, Number(concurrency) - (packaging.length > 0 ? 1 : 0)));

function start(group, atOnce) {
  if (group.length === 0) return;
  run({ files: group, concurrency: atOnce })
    .on('test:fail', () => {
      process.exitCode = 1;
    })
    .compose(new spec())
    .pipe(process.stdout);
}
