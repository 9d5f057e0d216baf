/** `npm run test:localstack`: runs the tests that need an emulator on LocalStack instead of ministack. */
import { spawnSync } from 'node:child_process';
import { build, checkNode, installLocalstack, installPackages, installPython, ROOT } from './setup.mjs';

checkNode();
installPackages();
installPython();
installLocalstack();
build();
const files = [
  'test/storage/contract.test.ts',
  'test/storage/s3.test.ts',
  'test/cloud/upload.test.ts',
  'test/e2e/buckets.test.ts',
  'test/e2e/cloud.test.ts',
  'test/e2e/commands.test.ts',
];
const { status } = spawnSync(
  process.execPath,
  ['--import', 'tsx', '--test', '--test-concurrency=1', ...files],
  { cwd: ROOT, stdio: 'inherit', env: { ...process.env, CHIRPLINE_TEST_EMULATOR: 'localstack' } },
);
process.exit(status ?? 1);
