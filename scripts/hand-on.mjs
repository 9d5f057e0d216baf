/** Runs Node so that a signal to this process ends the other one too: a supervisor, `timeout` or npm may know only this one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';

/**
 * Resolves when Node has ended well; otherwise, and after a signal, this process ends with Node's exit code. With the option
 * `detached`, the signals also reach the programs that Node waits for: they are a group of their own.
 */
export async function runStoppable(args, { detached = false } = {}) {
  const child = spawn(process.execPath, args, { stdio: 'inherit', detached });
  let stopped;
  const handOn = (name) => {
    stopped = name;
    if (child.exitCode === null && child.signalCode === null)
      process.kill(detached ? -child.pid : child.pid, name);
  };
  // The terminal sends these to every process of the group.
  const stay = () => {};
  process.on('SIGTERM', handOn);
  for (const name of ['SIGINT', 'SIGHUP']) process.on(name, detached ? handOn : stay);
  const [status, signal] = await once(child, 'exit');
  const lethal = signal ?? stopped;
  if (status || lethal) process.exit(status || 128 + constants.signals[lethal]);
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.removeAllListeners(name);
}
