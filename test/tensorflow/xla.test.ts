import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { fastLowType, listGpus, nameDevices } from '../../src/tensorflow/install/nvidia.ts';
import {
  compileCache,
  explainMissingTools,
  findXlaTools,
  useCompileCache,
} from '../../src/tensorflow/install/xla.ts';
import { scratch } from '../support/fixtures.ts';

function touch(...path: string[]): string {
  const file = join(...path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, '');
  return file;
}

test('ptxas and libdevice are found in the toolkit, beside TensorFlow, and where XLA_FLAGS says', (t) => {
  const root = scratch(t);
  const tensorflow = join(root, 'wheel', 'tensorflow');
  assert.deepEqual(findXlaTools(tensorflow, {}, root), { ptxas: undefined, libdevice: undefined });
  const beside = join(root, 'wheel', 'nvidia', 'cuda_nvcc');
  const wheel = {
    ptxas: touch(beside, 'bin', 'ptxas'),
    libdevice: touch(beside, 'nvvm', 'libdevice', 'libdevice.10.bc'),
  };
  assert.deepEqual(findXlaTools(tensorflow, {}, root), wheel);
  const toolkit = touch(root, 'usr/local/cuda/nvvm/libdevice/libdevice.10.bc');
  const ptxas = touch(root, 'bin', 'ptxas');
  assert.deepEqual(findXlaTools(tensorflow, { PATH: join(root, 'bin') }, root), {
    ptxas,
    libdevice: toolkit,
  });
  const named = touch(root, 'own', 'nvvm/libdevice/libdevice.10.bc');
  const flags = { XLA_FLAGS: `--xla_gpu_cuda_data_dir=${join(root, 'own')}` };
  assert.equal(findXlaTools(tensorflow, flags, root).libdevice, named);
});

test('what is missing is named with advice', () => {
  assert.equal(explainMissingTools({ ptxas: '/a', libdevice: '/b' }), undefined);
  assert.match(
    explainMissingTools({ ptxas: undefined, libdevice: '/b' })!,
    /^ptxas not found\. Install the CUDA toolkit/,
  );
  assert.match(
    explainMissingTools({ ptxas: undefined, libdevice: undefined })!,
    /^ptxas and libdevice\.10\.bc not found/,
  );
});

test('compiled graphs are kept in a folder for each build of TensorFlow and choice of GPUs', async (t) => {
  const cache = join(scratch(t), 'a "cache"');
  const smi = join(scratch(t), 'nvidia-smi');
  writeFileSync(smi, '#!/bin/sh\necho "Tesla T4, 7.5"\necho "Tesla T4, 7.5"\n');
  chmodSync(smi, 0o755);
  const PATH = `${join(smi, '..')}:/usr/bin:/bin`;
  assert.deepEqual(await listGpus({ PATH }), [
    { name: 'Tesla T4', capability: 7.5 },
    { name: 'Tesla T4', capability: 7.5 },
  ]);
  const tensorflow = scratch(t);
  const library = touch(tensorflow, 'libtensorflow_cc.so.2');
  const use = async (given: NodeJS.ProcessEnv = {}) => {
    const env: NodeJS.ProcessEnv = { PATH, ...given };
    await useCompileCache(cache, tensorflow, env);
    return { folder: compileCache(env), flags: env.TF_XLA_FLAGS };
  };
  const { folder, flags } = await use({ TF_XLA_FLAGS: '--tf_xla_clustering_debug' });
  assert.deepEqual(readdirSync(cache), [basename(folder!)]);
  const quoted = folder!.replaceAll('"', '\\"');
  assert.equal(flags, `--tf_xla_clustering_debug --tf_xla_persistent_cache_directory="${quoted}"`);
  assert.equal((await use()).folder, folder);
  assert.notEqual((await use({ CUDA_VISIBLE_DEVICES: '1' })).folder, folder);
  writeFileSync(library, 'another version');
  assert.notEqual((await use()).folder, folder);
  assert.equal((await use({ TF_XLA_FLAGS: '/a/file/with/flags' })).folder, undefined);
  assert.equal((await use({ TF_XLA_FLAGS: '--tf_xla_persistent_cache_directory=/own' })).folder, '/own');
  assert.equal((await use({ PATH: scratch(t) })).folder, undefined);
});

test('without a folder that can be written nothing is kept, and nothing fails', async (t) => {
  const file = touch(scratch(t), 'file');
  const smi = join(scratch(t), 'nvidia-smi');
  writeFileSync(smi, '#!/bin/sh\necho "Tesla T4, 7.5"\n');
  chmodSync(smi, 0o755);
  const env: NodeJS.ProcessEnv = { PATH: `${join(smi, '..')}:/usr/bin:/bin` };
  touch(join(file, '..'), 'libtensorflow_cc.so.2');
  await useCompileCache(join(file, 'cache'), join(file, '..'), env);
  assert.equal(compileCache(env), undefined);
  assert.deepEqual(await listGpus({ PATH: scratch(t) }), []);
});

test('mixed precision computes in the type that the oldest GPU is fast in', () => {
  const of = (...capabilities: number[]) =>
    fastLowType(capabilities.map((capability) => ({ name: 'GPU', capability })));
  assert.equal(of(9), 'bfloat16');
  assert.equal(of(8, 8), 'bfloat16');
  assert.equal(of(7.5, 7.5), 'float16');
  assert.equal(of(9, 7), 'float16');
  assert.equal(of(6), undefined);
  assert.equal(of(), 'bfloat16');
  assert.equal(of(Number.NaN), 'bfloat16');
});

test('the visible GPUs are those of nvidia-smi, or those that CUDA_VISIBLE_DEVICES lists', () => {
  const gpu = { name: 'Tesla T4', capability: 7.5 };
  const count = (CUDA_VISIBLE_DEVICES?: string) =>
    nameDevices([gpu, gpu], CUDA_VISIBLE_DEVICES === undefined ? {} : { CUDA_VISIBLE_DEVICES }).length;
  assert.deepEqual(nameDevices([gpu, gpu], {}), ['/device:GPU:0', '/device:GPU:1']);
  assert.deepEqual(
    [undefined, '1', '0,1', '0,-1,1', '0,7,1', '', 'GPU-1a, GPU-2b'].map(count),
    [2, 1, 2, 1, 1, 0, 2],
  );
  assert.deepEqual(nameDevices([gpu, { ...gpu, name: 'Quadro P400' }], {}), []);
  assert.deepEqual(nameDevices([], { CUDA_VISIBLE_DEVICES: '0,1' }), []);
});
