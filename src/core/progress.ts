/** What a long-running step tells whoever started it. */
export interface Progress {
  /** What is being done: 'list', 'psd', 'preprocess', 'train' ... */
  stage: string;
  done: number;
  total: number;
  /** What is counted: 'samples', 'shards', 'steps'. */
  unit: string;
  /** A short addition, such as the loss. */
  note?: string;
}

export interface Observer {
  /** Called often; must be cheap. */
  progress?(progress: Progress): void;
  /** One line for a person: a fact worth keeping, not a step. */
  say?(line: string): void;
}
