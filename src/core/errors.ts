/**
 * The errors that chirpline answers with. Each is a message for the person who gave the input or the command;
 * anything else that escapes is a bug and keeps its stack trace.
 *
 * The exit code is part of the contract with scripts (docs/operations.md lists them).
 */
import { visible } from './visible.ts';

export abstract class ChirplineError extends Error {
  /** Process exit code of a command that ends with this error. */
  abstract readonly exitCode: number;
  override get name(): string {
    return this.constructor.name;
  }
}

export interface InputErrorFields {
  /** What was read: a key, a path, or `archive.tar!member.npy`. */
  object: string;
  /** Byte offset in the object where the trouble is, where one is known. */
  offset?: number;
  /** What stood there. */
  found: string;
  /** What was needed. */
  needed: string;
  /** What the user can do, where that isn't plain. */
  advice?: string;
}

/** Thrown when data that was read is broken, hostile or of another kind than was asked for. */
export class InputError extends ChirplineError {
  readonly exitCode = 1;
  readonly fields: InputErrorFields;
  constructor(fields: InputErrorFields, options?: ErrorOptions) {
    const at = fields.offset === undefined ? '' : ` at byte ${fields.offset}`;
    const advice = fields.advice === undefined ? '' : `. ${fields.advice}`;
    // In one line, whatever the object's name and its bytes are.
    super(visible(`${fields.object}${at}: found ${fields.found}, needed ${fields.needed}${advice}`), options);
    this.fields = fields;
  }
}

/** Thrown when the samples of a stack have no names: the file that names them may still come. */
export class UnnamedError extends InputError {}

/** Thrown when a command line or configuration value is out of its range or contradicts another. */
export class SettingError extends ChirplineError {
  readonly exitCode = 2;
}

/** Thrown when the machine lacks something (a compiler, TensorFlow, disk space, permission); says how to get it. */
export class MachineError extends ChirplineError {
  readonly exitCode = 3;
}

/** Thrown when the output belongs to something else: another recipe or dataset, or a run that is still on. */
export class ConflictError extends ChirplineError {
  readonly exitCode = 4;
}

/** Thrown when another run works on the records; it may have ended the next time. */
export class BusyError extends ConflictError {}

/** Thrown when more samples were rejected than the run tolerates; finished work is kept. */
export class TooManyRejectedError extends ChirplineError {
  readonly exitCode = 5;
}

/** Thrown by storage when an object does not exist. */
export class NotFoundError extends ChirplineError {
  readonly exitCode = 1;
  readonly object: string;
  constructor(object: string, options?: ErrorOptions) {
    super(`${visible(object)}: no such object`, options);
    this.object = object;
  }
}

/** Thrown by storage when a conditional write finds the object there (or changed): somebody else was first. */
export class PreconditionError extends ChirplineError {
  readonly exitCode = 4;
  readonly object: string;
  constructor(object: string, options?: ErrorOptions) {
    super(`${visible(object)}: exists already or was changed meanwhile`, options);
    this.object = object;
  }
}

/**
 * Thrown when a training was stopped (Ctrl-C, SIGTERM, SIGHUP, a spot host that is reclaimed) and its checkpoint was written: the
 * same command goes on from there. The code is that of sysexits.h for "try again later".
 */
export class PausedError extends ChirplineError {
  readonly exitCode = 75;
}

/** Thrown when the user stopped the command (Ctrl-C, SIGTERM, SIGHUP); the same command resumes where it stopped. */
export class StoppedError extends ChirplineError {
  readonly exitCode = 130;
}
