#!/usr/bin/env node
/** Loads and runs the command line. A failure to load it, for want of open files, is told like any other. */
import { endWith } from './terminal.ts';

try {
  const { runProgram } = await import('./commands.ts');
  await runProgram();
} catch (error) {
  endWith(error);
}
