import { Command } from 'commander';
import type { Finding } from '../../core/finding.ts';
import { loadAddon } from '../../native/load-native.ts';
import { jsonOption, settingOption } from '../../options/command-options.ts';
import { chooseEngine } from '../../signal/engines/choose-engine.ts';
import { examineTensorFlow } from '../../tensorflow/install/diagnosis.ts';
import { STAGE } from '../stage.ts';
import { printResult } from '../terminal.ts';

export function doctorCommand(): Command {
  return new Command('doctor')
    .addOption(settingOption('stage', STAGE))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  chirpline doctor\n  chirpline doctor --stage dev\n\nThe exit code is 3 if something is missing.',
    )
    .action(async ({ stage, json }: { stage?: string; json?: boolean }) => {
      const findings = await (stage === undefined ? examineMachine() : examineCloud(stage));
      const width = Math.max(...findings.map(({ name }) => name.length));
      const lines = findings.flatMap(({ name, status, detail, advice }) => [
        `${status.padEnd(8)}${name.padEnd(width + 2)}${detail}`,
        ...(advice === undefined ? [] : [`${' '.repeat(8)}${advice}`]),
      ]);
      printResult(json, findings, lines.join('\n'));
      if (findings.some(({ status }) => status === 'missing')) process.exitCode = 3;
    });
}

async function examineMachine(): Promise<Finding[]> {
  return [examineSignalEngine(), ...(await examineTensorFlow())];
}

async function examineCloud(name: string): Promise<Finding[]> {
  const [{ useStage }, { openStageClients }, { examineStage }, { explainCloudError }] = await Promise.all([
    import('../../cloud/deployed-stage.ts'),
    import('../../cloud/doctor/stage-clients.ts'),
    import('../../cloud/doctor/examine-stage.ts'),
    import('../../cloud/aws-errors.ts'),
  ]);
  try {
    useStage(name);
    return await examineStage(name, openStageClients(), process.env.AWS_ENDPOINT_URL !== undefined);
  } catch (error) {
    throw explainCloudError(error, name);
  }
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
