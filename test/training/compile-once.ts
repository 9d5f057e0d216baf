/** Runs one compiled step, and prints its loss and the CPU time that it took. */
import { SAMPLE_SIZE } from '../../src/core/strain.ts';
import { initialWeights } from '../../src/model/weights.ts';
import { createEngine } from '../../src/training/engine/engines.ts';
import { createBatch } from '../../src/training/input/batch.ts';
import { completeSettings } from '../../src/training/settings.ts';
import { tf } from '../model/tensorflow.ts';

const signals = Float32Array.from({ length: 6 * SAMPLE_SIZE }, (_, i) => Math.sin(i * i));
const batch = createBatch(tf, signals, Float32Array.of(0, 1, 0, 1, 0, 1));
const said: string[] = [];
const engine = createEngine(tf, 'graph', initialWeights('diy', 1), completeSettings({}, 'cpu'), {
  compile: true,
  convolution: 'blocks',
  onCompile: (step) => said.push(step),
});
const before = process.cpuUsage();
engine.train(batch, 1e-3, [1, 1]);
const loss = engine.takeLoss();
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ compiling: (user + system) / 1e6, loss, said }));
