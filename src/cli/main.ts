#!/usr/bin/env node
/** Loads and runs the command line. A failure to load it, such as too few open files, is reported like any other error. */
import { endWith } from './terminal.ts';

try {
  const { runProgram } = await import('./commands.ts');
  await runProgram();
} catch (error) {
  endWith(error);
}
