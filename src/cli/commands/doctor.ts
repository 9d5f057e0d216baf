import { Command } from 'commander';
import { loadAddon } from '../../native/load-native.ts';
import { jsonOption } from '../../options/command-options.ts';
import { chooseEngine } from '../../signal/engines/choose-engine.ts';
import { examineTensorFlow, type Finding } from '../../tensorflow/install/diagnosis.ts';
import { printResult } from '../terminal.ts';

export function doctorCommand(): Command {
  return new Command('doctor')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  chirpline doctor\n\nThe exit code is 3 if something is missing.')
    .action(async (flags: { json?: boolean }) => {
      const findings = [examineSignalEngine(), ...(await examineTensorFlow())];
      const width = Math.max(...findings.map(({ name }) => name.length));
      const lines = findings.flatMap(({ name, status, detail, advice }) => [
        `${status.padEnd(8)}${name.padEnd(width + 2)}${detail}`,
        ...(advice === undefined ? [] : [`${' '.repeat(8)}${advice}`]),
      ]);
      printResult(flags.json, findings, lines.join('\n'));
      if (findings.some(({ status }) => status === 'missing')) process.exitCode = 3;
    });
}

const LEVELS = { avx512: 'AVX-512', avx2: 'AVX2' };

function examineSignalEngine(): Finding {
  const name = 'signal path';
  const engine = chooseEngine().name;
  if (engine === 'webassembly') {
    const { reason = 'the CPU has no AVX2' } = loadAddon();
    return {
      name,
      status: 'ok',
      detail: `WebAssembly with SIMD, at a third to half of the speed of native code: ${reason}`,
    };
  }
  if (engine !== 'javascript') return { name, status: 'ok', detail: `native code for ${LEVELS[engine]}` };
  return {
    name,
    status: 'warn',
    detail: 'plain JavaScript, at a tenth of the speed',
    advice:
      'WebAssembly with SIMD is missing: it needs a CPU made since 2013, Node without --jitless, and 10 GB of address space for each worker (ulimit -v unlimited)',
  };
}
