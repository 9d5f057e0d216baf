/** The command line: what the commands are. Each is a file of its own in this folder. */
import { Command, CommanderError } from 'commander';
import { SOFTWARE } from '../software.ts';
import { cancelCommand } from './cancel.ts';
import { doctorCommand } from './doctor.ts';
import { estimateCommand } from './estimate.ts';
import { exportCommand } from './export.ts';
import { inspectCommand } from './inspect.ts';
import { kaggleCommand } from './kaggle.ts';
import { mergeCommand } from './merge.ts';
import { predictCommand } from './predict.ts';
import { preprocessCommand } from './preprocess.ts';
import { redriveCommand } from './redrive.ts';
import { runCommand } from './run.ts';
import { simulateCommand } from './simulate.ts';
import { statusCommand } from './status.ts';
import { submitCommand } from './submit.ts';
import { printError } from './terminal.ts';
import { trainCommand } from './train.ts';
import { uploadCommand } from './upload.ts';

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
