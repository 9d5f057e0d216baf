/** The entry point in the training container and on Kaggle; see program.ts. */
import { CommanderError } from 'commander';
import { endWith } from '../../src/cli/terminal.ts';
import { runProgram } from './program.ts';

try {
  await runProgram(process.argv.slice(2), process.env);
} catch (error) {
  // Commander has already printed its message (usage, help, version) and has its own exit code.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else endWith(error);
}
