/** Whether a closed terminal should end this process. */
import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { systemCode } from '../storage/file/file-errors.ts';

/** SIGHUP in the mask of ignored signals. */
const SIGHUP_BIT = 1n;
/** O_WRONLY, of the two lowest bits of a descriptor's flags. */
const WRITE_ONLY = 1;

/**
 * Whether nohup started this process. nohup sets SIGHUP to be ignored, but Node.js resets all signals when it starts. What it can't
 * reset: the name of the command that the shell ran, the signals that a script around it ignores, and the standard input that GNU
 * nohup puts in the place of a terminal, which can't be read.
 *
 * @param proc replaces /proc in tests. Without it, only the shell's word counts.
 */
export function startedByNohup(env: NodeJS.ProcessEnv = process.env, proc = '/proc'): boolean {
  return (
    basename(env._ ?? '') === 'nohup' ||
    ignoresHangup(read(() => readFileSync(`${proc}/${process.ppid}/status`, 'utf8'))) ||
    (read(() => readlinkSync(`${proc}/self/fd/0`)) === '/dev/null' &&
      isWriteOnly(read(() => readFileSync(`${proc}/self/fdinfo/0`, 'utf8'))))
  );
}

function ignoresHangup(status: string): boolean {
  const [, mask = '0'] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  return (BigInt(`0x${mask}`) & SIGHUP_BIT) !== 0n;
}

function isWriteOnly(info: string): boolean {
  const [, flags = '0'] = /^flags:\s*([0-7]+)$/m.exec(info) ?? [];
  return (Number.parseInt(flags, 8) & 3) === WRITE_ONLY;
}

function read(call: () => string): string {
  try {
    return call();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return '';
  }
}
