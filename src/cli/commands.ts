/** The command line: what the commands are. Each is a file of its own in this folder. */
import { Command, CommanderError } from 'commander';
import { SOFTWARE } from '../core/software.ts';
import { cancelCommand } from './commands/cancel.ts';
import { doctorCommand } from './commands/doctor.ts';
import { estimateCommand } from './commands/estimate.ts';
import { exportCommand } from './commands/export.ts';
import { inspectCommand } from './commands/inspect.ts';
import { kaggleCommand } from './commands/kaggle.ts';
import { mergeCommand } from './commands/merge.ts';
import { predictCommand } from './commands/predict.ts';
import { preprocessCommand } from './commands/preprocess.ts';
import { redriveCommand } from './commands/redrive.ts';
import { runCommand } from './commands/run.ts';
import { simulateCommand } from './commands/simulate.ts';
import { statusCommand } from './commands/status.ts';
import { submitCommand } from './commands/submit.ts';
import { trainCommand } from './commands/train.ts';
import { uploadCommand } from './commands/upload.ts';
import { printError } from './terminal.ts';

const program = new Command('chirpline')
  .configureOutput({ writeErr: printError })
  .description('Raw gravitational-wave strain in, TFRecord shards and a trained 1D CNN out.')
  .version(SOFTWARE.version)
  .exitOverride()
  .showHelpAfterError('(chirpline --help shows the commands)')
  .addHelpText(
    'after',
    '\nRAW, RECORDS and OUT are folders or s3:// locations.\n\nExample:\n' +
      '  chirpline simulate raw --samples 2000 --seed 1 && chirpline run raw out',
  );
for (const command of [
  simulateCommand(),
  preprocessCommand(),
  trainCommand(),
  predictCommand(),
  exportCommand(),
  runCommand(),
  mergeCommand(),
  inspectCommand(),
  doctorCommand(),
  estimateCommand(),
  uploadCommand(),
  submitCommand(),
  statusCommand(),
  cancelCommand(),
  redriveCommand(),
  kaggleCommand(),
]) {
  program.addCommand(
    command
      .configureOutput({ writeErr: printError })
      .exitOverride()
      .showHelpAfterError(`(chirpline ${command.name()} --help shows its options)`),
  );
}

// A reader that has seen enough (`chirpline inspect FILE | head`) closes the pipe.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  printError(`chirpline: cannot write to standard output: ${error.message}\n`);
  process.exit(3);
});
// Progress that nobody can read any more (a closed pipe, a full disk behind a log) is no reason to stop the work.
process.stderr.on('error', () => {});

/** Runs the command that the arguments name. Throws what it throws. */
export async function runProgram(): Promise<void> {
  try {
    await program.parseAsync();
  } catch (error) {
    // Commander has printed its own message (usage, help, version) and carries its own code.
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  }
}
