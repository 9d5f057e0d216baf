/**
 * `node --import tsx scripts/run-tests.mjs CONCURRENCY FILE...`: runs test files in the given order, which `node --test` doesn't:
 * it sorts them by name.
 */
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const [concurrency, ...files] = process.argv.slice(2);
run({ files, concurrency: Number(concurrency) })
  .on('test:fail', () => {
    process.exitCode = 1;
  })
  .compose(new spec())
  .pipe(process.stdout);
