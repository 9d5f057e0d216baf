/**
 * The errors that chirpline reports. Each carries a message for the user. Any other error that escapes is a bug: it exits
 * with 70 and keeps its stack trace.
 *
 * Scripts may rely on the exit codes (docs/operations.md lists them).
 */
import { visible } from './visible.ts';

/** What all errors of chirpline have in common: a message of one line that says what happened, where, and what to do. */
export abstract class ChirplineError extends Error {
  /** Process exit code of a command that ends with this error. */
  abstract readonly exitCode: number;
  override get name(): string {
    return this.constructor.name;
  }
}

export interface InputErrorFields {
  /** The object that was read: a key, a path, or `archive.tar!member.npy`. */
  object: string;
  /** Byte offset of the fault in the object, if known. */
  offset?: number;
  found: string;
  needed: string;
  /** What the user can do, unless that is obvious. Starts with a verb. */
  advice?: string;
}

/** Thrown when input data is broken, hostile or of the wrong kind. */
export class InputError extends ChirplineError {
  readonly exitCode = 1;
  readonly fields: InputErrorFields;
  constructor(fields: InputErrorFields, options?: ErrorOptions) {
    const at = fields.offset === undefined ? '' : ` at byte ${fields.offset}`;
    const advice = fields.advice === undefined ? '' : `. ${fields.advice}`;
    // `visible` keeps the message on one line, whatever the object's name and bytes are.
    super(visible(`${fields.object}${at}: found ${fields.found}, needed ${fields.needed}${advice}`), options);
    this.fields = fields;
  }
}

/** Thrown when the samples of a stack have no ids. The file with their ids may still be uploaded. */
export class UnnamedError extends InputError {}

/** Thrown when a value of the command line or configuration is out of range or contradicts another one. */
export class SettingError extends ChirplineError {
  readonly exitCode = 2;
}

/** Thrown when the machine lacks something (a compiler, TensorFlow, disk space, permission). The message says how to get it. */
export class MachineError extends ChirplineError {
  readonly exitCode = 3;
}

/** Thrown when the output belongs to another recipe or dataset, or to a run that is still active. */
export class ConflictError extends ChirplineError {
  readonly exitCode = 4;
}

/** Thrown when something else must come first, most often the end of another run. A later retry may succeed. */
export class BusyError extends ConflictError {}

/** Thrown when more samples were rejected than the run allows. Finished work is kept. */
export class TooManyRejectedError extends ChirplineError {
  readonly exitCode = 5;
}

/** Thrown by storage when an object is missing. */
export class NotFoundError extends ChirplineError {
  readonly exitCode = 1;
  readonly object: string;
  /** What has its name instead, if anything has. */
  readonly instead: string | undefined;
  constructor(object: string, options: ErrorOptions & { instead?: string | undefined } = {}) {
    const { instead } = options;
    super(`${visible(object)}: ${instead ?? 'no such object'}`, options);
    this.object = object;
    this.instead = instead;
  }
}

/** Thrown by storage when the condition of a read or write doesn't hold: another writer was first. */
export class PreconditionError extends ChirplineError {
  readonly exitCode = 4;
  readonly object: string;
  constructor(object: string, options?: ErrorOptions) {
    super(`${visible(object)}: already exists or was changed by another writer`, options);
    this.object = object;
  }
}

/**
 * Thrown when a training was stopped (Ctrl-C, SIGTERM, SIGHUP, a reclaimed spot host). The same command resumes from its
 * checkpoint, or from the previous one if that could not be written. The exit code is EX_TEMPFAIL of sysexits.h: "try again later".
 */
export class PausedError extends ChirplineError {
  readonly exitCode = 75;
}

/** Thrown when the command was stopped (Ctrl-C, SIGTERM, SIGHUP). The same command resumes where it stopped. */
export class StoppedError extends ChirplineError {
  readonly exitCode = 130;
}
