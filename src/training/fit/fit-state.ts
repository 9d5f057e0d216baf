/** Where a fit stands, and who is told of it. */
import type { Weights } from '../../model/weights.ts';
import type { OptimizerState } from '../engine/engine.ts';
import type { Evaluation } from './evaluate.ts';
import type { Schedule } from './schedule.ts';

/** One epoch, by the names of history.json. */
export interface Epoch {
  /** From 1. */
  epoch: number;
  /** Mean over the epoch's samples, each before the update that its batch made. */
  loss: number;
  val_loss: number;
  val_accuracy: number;
  /** Null when the validation records hold one class only. */
  val_auc: number | null;
  /** Of the step in the epoch's middle. */
  learning_rate: number;
  seconds: number;
  /** Share of those seconds that training waited for records. */
  input_wait: number;
  /** Whether val_loss was the lowest so far. */
  best: boolean;
}

export interface History {
  epochs: Epoch[];
  /** Number of the epoch whose weights the model has after the fit. */
  best_epoch: number;
}

/** Where a fit stands between two steps. */
export interface FitState {
  /** The epoch that is on, from 1. */
  epoch: number;
  /** Its steps that are done, the samples in them, and the sum of those samples' losses. */
  step: number;
  samples: number;
  lossSum: number;
  /** Time spent on it [s], and waiting for its records. */
  seconds: number;
  waited: number;
  schedule: Schedule;
  history: History;
}

/** All that a fit needs to resume as if it had never stopped. */
export interface Snapshot {
  state: FitState;
  weights: Weights;
  /** Of the best epoch so far. */
  best: Weights;
  optimizer: OptimizerState;
}

interface Progress {
  epoch: number;
  /** From 1 to `steps`. */
  step: number;
  steps: number;
  /** Mean over the epoch so far. */
  loss: number;
}

/** Is told how the fit goes on; prints nothing itself. */
export interface FitObserver {
  step?(progress: Progress): void;
  /** An epoch has ended; it is the history's last one. */
  epoch?(epoch: Epoch, history: History, evaluation: Evaluation): void | Promise<void>;
  /** Called between two steps, often: whether it is time for a snapshot. */
  due?(): boolean;
  /** Takes a snapshot: at the start, where one is due, after each epoch, and when the fit is stopped. */
  save?(snapshot: Snapshot): Promise<void>;
  /** A fact that the user should know. */
  say?(line: string): void;
}
