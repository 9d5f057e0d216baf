/**
 * `npm start [-- ARGUMENTS]`: installs and builds what is missing, then runs all steps on simulated data: raw samples, shards,
 * a trained model and its report. With arguments it runs that command instead: `npm start -- run g2net out`.
 */
import { join } from 'node:path';
import { runStoppable } from './hand-on.mjs';
import { checkNode, ROOT } from './setup.mjs';

checkNode();
await runStoppable([join(ROOT, 'scripts/prepare.mjs')], { detached: true });

const chirpline = (...args) => runStoppable([join(ROOT, 'dist/cli/main.js'), ...args]);

const NOTE =
  'Simulated data with loud signals (median SNR 15, far louder than real ones), so that 2 epochs are enough to learn something.';
const given = process.argv.slice(2);
if (given.length > 0) {
  await chirpline(...given);
} else {
  console.log(NOTE);
  const signals = ['--samples', '1536', '--seed', '1', '--snr-median', '15', '--snr-sigma', '0.4'];
  await chirpline('simulate', 'out/raw/demo', ...signals);
  // A falling rate: with a constant rate the moving averages of batch norm would lag behind after so few steps.
  const rate = ['--learning-rate', '2e-3', '--schedule', 'cosine', '--warmup-ratio', '0.1'];
  const training = ['--epochs', '2', ...rate, '--note', NOTE];
  await chirpline('run', 'out/raw/demo', 'out', '--shard-size', '256', ...training);
  console.log('\nOpen the report in a browser: out/models/demo/saved/report.html');
}
