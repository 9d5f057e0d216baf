/** The state of a fit, and the observer that follows it. */
import type { Weights } from '../../model/weights.ts';
import type { OptimizerState } from '../engine/engine.ts';
import type { Schedule } from './schedule.ts';
import type { Evaluation } from './validation.ts';

/** One epoch, with the field names of history.json. */
export interface Epoch {
  /** From 1. */
  epoch: number;
  /** Mean over the epoch's samples. The loss of a batch is taken before its update. */
  loss: number;
  val_loss: number;
  val_accuracy: number;
  /** Null when the validation records contain only one class. */
  val_auc: number | null;
  /** Learning rate of the middle step of the epoch. */
  learning_rate: number;
  seconds: number;
  /** Fraction of `seconds` that training waited for records. */
  input_wait: number;
  /** Whether it is the best epoch so far, see advanceSchedule. */
  best: boolean;
}

export interface History {
  epochs: Epoch[];
  /** Number of the epoch whose weights the model keeps after the fit. */
  best_epoch: number;
}

/** State of a fit between two steps. */
export interface FitState {
  /** Current epoch, from 1. */
  epoch: number;
  /** Finished steps of this epoch, the number of their samples, and the sum of the samples' losses. */
  step: number;
  samples: number;
  lossSum: number;
  /** Time spent on this epoch, and the part of it spent waiting for records [s]. */
  seconds: number;
  waited: number;
  schedule: Schedule;
  history: History;
}

/**
 * Everything a fit needs to resume as if it had never stopped. Record order, dropout and augmentation need no state: they
 * are functions of the seed and the position.
 */
export interface Snapshot {
  state: FitState;
  weights: Weights;
  /** Weights of the best epoch so far. */
  best: Weights;
  optimizer: OptimizerState;
}

interface Progress {
  epoch: number;
  /** From 1 to `steps`. */
  step: number;
  steps: number;
  /** Mean over the finished steps of the epoch. */
  loss: number;
}

/** Receives the progress of a fit, which prints nothing itself. */
export interface FitObserver {
  step?(progress: Progress): void;
  /** Called after each epoch, which is the last one in `history`. */
  epoch?(epoch: Epoch, history: History, evaluation: Evaluation): void | Promise<void>;
  /** Called between steps. Returns whether a snapshot is due. */
  due?(): boolean;
  /** Saves a snapshot: at the start, when one is due, after each epoch, and when the fit is stopped. */
  save?(snapshot: Snapshot): Promise<void>;
  /** Reports a fact that the user should know. */
  say?(line: string): void;
}
