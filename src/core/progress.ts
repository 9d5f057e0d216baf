/** Progress of a long-running step. */
export interface Progress {
  /** Name of the work: 'list', 'psd', 'preprocess', 'train' ... */
  stage: string;
  done: number;
  total: number;
  /** Unit of `done` and `total`: 'samples', 'shards', 'steps'. */
  unit: string;
  /** A short addition, such as the loss. */
  note?: string;
}

export interface Observer {
  /** Called often; must be cheap. */
  progress?(progress: Progress): void;
  /** Reports one line to the user: a fact worth keeping, not progress. */
  say?(line: string): void;
}
