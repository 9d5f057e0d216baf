/**
 * A small discrete-event simulation of a map of functions over the chunks of a plan. It uses no formula of the estimate:
 * environments start at a rate, requests are served at a rate, and each function reads ahead, receives over one connection
 * and computes on one core, chunk after chunk.
 */
import { BYTES_AHEAD, READS_AHEAD } from '../../src/raw/reads.ts';

interface FleetRead {
  bytes: number;
  samples: number;
}

export interface FleetChunk {
  reads: FleetRead[];
  /** Small sequential requests, half of them before the chunk and half after it. */
  calls: number;
  written: number;
}

export interface FleetConditions {
  /** Chunks at once. */
  concurrency: number;
  /** New environments per second, after the first `atOnce`. */
  environments: number;
  atOnce: number;
  coldStart: number;
  /** Requests per second that the bucket serves. */
  getRate: number;
  latency: number;
  bandwidth: number;
  /** Samples per second of a function. */
  rate: number;
}

export interface FleetResult {
  /** Time until the last chunk is done [s]. */
  wall: number;
  /** Total time of all functions, including cold starts [s]. */
  seconds: number;
  requests: number;
}

interface Worker {
  started: number;
  chunk: FleetChunk;
  next: number;
  ahead: { bytes: number; until: number }[];
  lineFree: number;
  coreFree: number;
}

export function simulateFleet(chunks: readonly FleetChunk[], conditions: FleetConditions): FleetResult {
  const { concurrency, environments, atOnce, coldStart, getRate, latency, bandwidth, rate } = conditions;
  const events = createQueue<() => void>();
  const result: FleetResult = { wall: 0, seconds: 0, requests: 0 };
  let waiting = 0;
  let granted = 0;

  /** The time when the bucket serves the next request. */
  const grant = (now: number): number => {
    granted = Math.max(now, granted + 1 / getRate);
    result.requests += 1;
    return granted;
  };
  const begin = (now: number, started: number): void => {
    const chunk = chunks[waiting];
    waiting += 1;
    if (chunk === undefined) return;
    const ready = now + (chunk.calls / 2) * latency;
    const worker: Worker = { started, chunk, next: 0, ahead: [], lineFree: ready, coreFree: ready };
    events.push(ready, () => read(worker, ready));
  };
  const read = (worker: Worker, now: number): void => {
    const { chunk, next } = worker;
    const { bytes, samples } = chunk.reads[next]!;
    const arrives = grant(now) + latency;
    worker.lineFree = Math.max(worker.lineFree, arrives) + bytes / bandwidth;
    const start = Math.max(worker.coreFree, worker.lineFree);
    worker.coreFree = start + samples / rate;
    worker.ahead.push({ bytes, until: start });
    worker.next += 1;
    if (worker.next === chunk.reads.length) {
      const done = worker.coreFree + chunk.written / bandwidth + (chunk.calls / 2) * latency;
      result.wall = Math.max(result.wall, done);
      result.seconds += done - worker.started;
      events.push(done, () => begin(done, done));
      return;
    }
    // The next read starts when there is room in the read-ahead.
    let held = worker.ahead.reduce((sum, { bytes: size }) => sum + size, 0);
    let free = now;
    while (worker.ahead.length >= READS_AHEAD || held >= BYTES_AHEAD) {
      const first = worker.ahead.shift()!;
      held -= first.bytes;
      free = Math.max(free, first.until);
    }
    events.push(free, () => read(worker, free));
  };

  for (let worker = 0; worker < Math.min(concurrency, chunks.length); worker += 1) {
    const at = Math.max(0, worker - atOnce) / environments;
    events.push(at + coldStart, () => begin(at + coldStart, at));
  }
  for (let event = events.pop(); event !== undefined; event = events.pop()) event();
  return result;
}

/** A binary heap, ordered by time. Entries with the same time keep their order. */
function createQueue<T>() {
  const heap: { time: number; order: number; value: T }[] = [];
  let order = 0;
  const before = (a: number, b: number) => {
    const [x, y] = [heap[a]!, heap[b]!];
    return x.time < y.time || (x.time === y.time && x.order < y.order);
  };
  const swap = (a: number, b: number) => {
    [heap[a], heap[b]] = [heap[b]!, heap[a]!];
  };
  return {
    push(time: number, value: T) {
      heap.push({ time, order: order++, value });
      for (let at = heap.length - 1; at > 0; ) {
        const parent = (at - 1) >> 1;
        if (!before(at, parent)) break;
        swap(at, parent);
        at = parent;
      }
    },
    pop(): T | undefined {
      const top = heap[0];
      const last = heap.pop();
      if (top === undefined || last === undefined) return undefined;
      if (heap.length > 0) {
        heap[0] = last;
        for (let at = 0; ; ) {
          let least = at;
          for (const child of [2 * at + 1, 2 * at + 2]) {
            if (child < heap.length && before(child, least)) least = child;
          }
          if (least === at) break;
          swap(at, least);
          at = least;
        }
      }
      return top.value;
    },
  };
}
