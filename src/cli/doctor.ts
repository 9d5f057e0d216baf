import { Command } from 'commander';
import { examineTensorFlow } from '../tensorflow/doctor.ts';
import { jsonOption } from './options.ts';
import { printResult } from './terminal.ts';

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('say what this machine has for chirpline, and what to do about what is missing')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  chirpline doctor\n\nExit code 3 when something is missing.')
    .action(async (flags: { json?: boolean }) => {
      const findings = await examineTensorFlow();
      const width = Math.max(...findings.map(({ name }) => name.length));
      const lines = findings.flatMap(({ name, status, detail, advice }) => [
        `${status.padEnd(8)}${name.padEnd(width + 2)}${detail}`,
        ...(advice === undefined ? [] : [`${' '.repeat(8)}${advice}`]),
      ]);
      printResult(flags.json, findings, lines.join('\n'));
      if (findings.some(({ status }) => status === 'missing')) process.exitCode = 3;
    });
}
