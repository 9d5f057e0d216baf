/** Progress of a long-running step. */
export interface Progress {
  /** Name of the work: 'list', 'psd', 'preprocess', 'epoch 1/50' ... */
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

/** Starts `work` on all items, and reports the progress as each ends: it resolves to how much of `total` it did. */
export async function workThrough<T>(
  items: readonly T[],
  start: Progress,
  observer: Observer,
  work: (item: T) => Promise<number>,
): Promise<void> {
  const progress = { ...start };
  const report = () => observer.progress?.({ ...progress });
  report();
  await Promise.all(
    items.map(async (item) => {
      const did = await work(item);
      progress.done += did;
      report();
    }),
  );
}
