#!/usr/bin/env bash
# Checks and times training on a machine that has an NVIDIA GPU, PyTorch and the CUDA toolkit, but neither a network nor
# TensorFlow nor Node:
#
#   scripts/gpu-check.sh pack [cpu]   here, after `npm test` or `npm start`: writes what travels to out/gpu/, in pieces of 60 MB.
#                                     `cpu` packs the TensorFlow without CUDA, to try the rest on any machine
#   scripts/gpu-check.sh put DIR      there, once per transfer: keeps the pieces in DIR
#   scripts/gpu-check.sh run          there: the tests that a GPU can decide, the benchmark, a training of simulated data. Prints
#                                     all of it, and writes it to $OUT if that is set. Takes less than 10 minutes
#
# Pieces are kept in $CHIRPLINE_GPU_CHECK (default /tmp/chirpline-gpu).
set -euo pipefail
cd "$(dirname "$0")/.."
PLACE=${CHIRPLINE_GPU_CHECK:-/tmp/chirpline-gpu}
PIECE=60000000

pack() {
  local out=out/gpu draft wheel tensorflow
  draft=$(mktemp -d)
  trap 'rm -rf "$draft"' EXIT
  rm -rf $out && mkdir -p $out "$draft/check" "$draft/site/nvidia"
  npm run build --silent
  tensorflow=$(node --input-type=module -e "
    import { PINNED_VERSION } from './dist/tensorflow/install/pins.js';
    console.log(PINNED_VERSION);
  ")
  # The training program with tfjs, as it travels to Kaggle, and the addon where a cache has it.
  node --input-type=module -e "
    import { cpSync } from 'node:fs';
    import { copyProgram } from './dist/kaggle/program-files.js';
    import { addonName, ADDON } from './dist/tensorflow/install/addon.js';
    import { prepareTensorFlow } from './dist/tensorflow/install/load.js';
    const [folder] = process.argv.slice(1);
    await copyProgram(folder);
    const { addon } = await prepareTensorFlow({ device: 'cpu', log: console.error });
    cpSync(addon, \`\${folder}/cache/\${await addonName()}/\${ADDON}\`);
  " "$draft/check"
  cp "$(command -v node)" "$draft/check/node"
  node_modules/.bin/esbuild test/training/{compiled,devices,golden,engine,mixed}.test.ts bench/training.ts \
    --outdir="$draft/check" --outbase=. --out-extension:.js=.mjs --bundle --platform=node --format=esm --target=node20 \
    --main-fields=module,main --external:@tensorflow/* --external:@node-rs/* --external:piscina --external:playwright-core \
    --banner:js="import{createRequire as makeRequire}from'node:module';const require=makeRequire(import.meta.url);" \
    --log-level=warning
  cp bench/*.py "$draft/check/bench/"
  mkdir -p "$draft/check/test/fixtures" && cp test/fixtures/training-golden.npz "$draft/check/test/fixtures/"
  node dist/cli/main.js simulate "$draft/raw" --samples 2000 --seed 101 --snr-median 15 --snr-sigma 0.4
  node dist/cli/main.js preprocess "$draft/raw" "$draft/check/records" --dtype float16
  tar -cf - -C "$draft" check | xz -T0 | split -b $PIECE - $out/check.

  if [ "${1:-gpu}" = cpu ]; then
    wheel=$(python3 -c 'import tensorflow, os; print(os.path.dirname(os.path.dirname(tensorflow.__file__)))' 2>/dev/null ||
      echo .chirpline/python/lib/python3*/site-packages)
  else
    python3 -m pip download --no-deps --only-binary=:all: --platform manylinux2014_x86_64 --platform manylinux_2_27_x86_64 \
      --python-version 3.12 --dest "$draft/wheels" "tensorflow==$tensorflow" nvidia-cuda-runtime-cu12
    wheel=$draft/wheel
    for file in "$draft"/wheels/*.whl; do python3 -m zipfile -e "$file" "$wheel"; done
    cp "$wheel"/nvidia/cuda_runtime/lib/libcudart.so.12 "$draft/site/nvidia/"
  fi
  mkdir -p "$draft/site/tensorflow/python/platform" "$draft/site/tensorflow-$tensorflow.dist-info"
  cp "$wheel"/tensorflow/python/platform/build_info.py "$draft/site/tensorflow/python/platform/"
  for name in libtensorflow_cc.so.2 libtensorflow_framework.so.2; do
    strip -o "$draft/site/tensorflow/$name" "$wheel/tensorflow/$name"
  done
  tar -cf - -C "$draft" site | xz -T0 | split -b $PIECE - $out/site.
  ls -la $out
}

# PyTorch's CUDA 13 under the names of CUDA 12, which TensorFlow loads. Only libcudart must be version 12 itself.
link_cuda() {
  local site names
  site=$(python3 -c 'import torch, os; print(os.path.dirname(os.path.dirname(torch.__file__)))')
  names="libcublas.so.12 libcublasLt.so.12 libcufft.so.11 libcusolver.so.11 libcusparse.so.12 libcudnn.so.9 libnccl.so.2
    libcupti.so.12 libcurand.so.10 libnvJitLink.so.12"
  for name in $names; do
    local found
    found=$(find "$site/nvidia" -name "${name%%.so*}.so.*" | sort -V | tail -1)
    if [ -n "$found" ]; then ln -sf "$found" "$PLACE/site/nvidia/$name"; else echo "no $name"; fi
  done
  # cuDNN and cuBLAS load further libraries from their own folders.
  LD_LIBRARY_PATH=$PLACE/site/nvidia:$(dirname "$(find "$site/nvidia" -name libcudnn.so.9 | head -1)")
  LD_LIBRARY_PATH+=:$(dirname "$(find "$site/nvidia" -name 'libcublasLt.so.*' | head -1)"):/usr/local/nvidia/lib64
  export LD_LIBRARY_PATH
  local cuda
  cuda=$(dirname "$(dirname "$(readlink -f "$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)")")")
  export PATH=$cuda/bin:$PATH XLA_FLAGS="--xla_gpu_cuda_data_dir=$cuda"
}

unpack() {
  cat "$PLACE/pieces/$1".* | tar -xJ -C "$PLACE" && return
  echo "$PLACE/pieces/$1.*: not a complete archive. Transfer all of its pieces again, then: $0 put DIR" >&2
  return 1
}

run() {
  local start=$SECONDS node=$PLACE/check/node
  say() { printf '\n== %s (after %s s)\n' "$1" $((SECONDS - start)); }
  unpack site &
  unpack check
  # Without the process id, `wait` succeeds even if the process failed.
  wait $!
  export CHIRPLINE_TENSORFLOW=$PLACE/site/tensorflow CHIRPLINE_CACHE=$PLACE/check/cache DEVICE
  if nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader; then
    DEVICE=gpu
    link_cuda
  else
    DEVICE=cpu
  fi
  cd "$PLACE/check"

  say 'tests'
  # TF32 is off, as in the eager engine's float32. Tests that need a TypeScript loader or equal bits are left out.
  NVIDIA_TF32_OVERRIDE=0 "$node" --test --test-reporter=spec \
    --test-name-pattern='/compiled steps|float16|bfloat16|golden|reference|graph engine|coherent|mixed precision|two devices/' \
    test/training/*.mjs || echo 'TESTS FAILED'
  say 'training step'
  timeout 300 "$node" bench/training.mjs --device $DEVICE --python "$(command -v python3)" || echo 'BENCHMARK FAILED'
  say 'training of 2,000 loud simulated samples, float32 and mixed'
  for precision in float32 mixed; do
    "$node" code/main.mjs train records "models-$precision" --epochs 6 --batch-size 64 --seed 1 \
      --learning-rate 1e-3 --precision $precision --device $DEVICE || echo 'TRAINING FAILED'
    # The share of each epoch that the training waited for records.
    grep -ho '"input_wait":[^,]*' "models-$precision"/saved/*_history.json || true
  done
  say 'done'
}

case ${1:-} in
  pack) pack "${2:-gpu}" ;;
  put) mkdir -p "$PLACE/pieces" && cp "$2"/* "$PLACE/pieces/" && ls -la "$PLACE/pieces" ;;
  run) if [ -n "${OUT:-}" ]; then run 2>&1 | tee "$OUT/gpu-check.txt"; else run; fi ;;
  *) sed -n '2,13s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
