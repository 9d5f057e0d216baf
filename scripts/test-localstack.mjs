/** `npm run test:localstack`: runs the tests that need an emulator on LocalStack instead of ministack. */
import { build, checkNode, installLocalstack, installPackages, installPython, runNode } from './setup.mjs';

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
runNode(['--import', 'tsx', '--test', '--test-concurrency=1', ...files], {
  env: { ...process.env, CHIRPLINE_TEST_EMULATOR: 'localstack' },
});
