/**
 * `npm start [-- ARGUMENTS]`: sets up what is missing and runs the whole way on simulated data: raw samples, shards,
 * a trained model and its report. With arguments it is the command line itself: `npm start -- run g2net out`.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, checkNode, installPackages, ROOT } from './setup.mjs';

// Ctrl-C is for the command to answer: this waits for its end.
process.on('SIGINT', () => {});
checkNode();
installPackages();
build();

function chirpline(...args) {
  const { status, signal } = spawnSync(process.execPath, [join(ROOT, 'dist/cli/main.js'), ...args], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? (signal === 'SIGINT' ? 130 : 1));
}

const NOTE =
  'Simulated data with loud signals (median SNR 15, far above real ones), so that 3 epochs teach something.';
const given = process.argv.slice(2);
if (given.length > 0) {
  chirpline(...given);
} else {
  console.log(
    'Simulated samples with loud signals (median SNR 15, far above real ones), so that 3 epochs teach something.',
  );
  chirpline(
    'simulate',
    'out/raw/demo',
    '--samples',
    '2048',
    '--seed',
    '1',
    '--snr-median',
    '15',
    '--snr-sigma',
    '0.4',
  );
  // A rate that falls: after so few steps of a constant one the moving averages of the batch norms lag behind.
  const rate = ['--learning-rate', '1e-3', '--schedule', 'cosine', '--warmup-ratio', '0.1'];
  const training = ['--epochs', '3', ...rate, '--note', NOTE];
  chirpline('run', 'out/raw/demo', 'out', '--shard-size', '256', ...training);
  console.log('\nThe report is out/models/demo/saved/report.html: open it in a browser.');
}
