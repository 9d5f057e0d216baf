/**
 * One world in one process, replayed from a seed: its own clock, processes that take turns in random order, and faults. Nothing
 * in it waits for anything outside.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';
import type { ZlibOptions } from 'node:zlib';
import { ambient } from '../../src/core/ambient.ts';
import { MachineError } from '../../src/core/errors.ts';
import { createRandomStream, type RandomStream } from '../../src/core/random.ts';

/** Probabilities at each call of a store. */
export interface Rates {
  /** The process dies, before or after the effect. */
  kill: number;
  /** The call fails, before or after its effect. */
  fail: number;
  /** A successful conditional write is answered as failed: a retry found its own effect. */
  ownPrecondition: number;
  /** The answer of a function is lost while the function continues. */
  lostReply: number;
}
export const QUIET: Rates = { kill: 0, fail: 0, ownPrecondition: 0, lostReply: 0 };

/** The error that the caller of a killed process gets. */
export class Killed extends Error {
  override name = 'Killed';
}
/** A fault of the world, not a bug of the code. */
class Injected extends MachineError {}

export interface Proc {
  name: string;
  dead: boolean;
  /** Error of its clock [ms]. */
  skew: number;
  /** How long it sometimes sleeps, at most [ms]: a slow or frozen function, a laptop whose lid is closed. */
  drag: number;
  born: string;
  kill(): void;
}

const current = new AsyncLocalStorage<Proc>();
/** Latency of a store call [ms]. */
const LATENCY = 20;

export class World {
  readonly trace: string[] = [];
  readonly fired: number[] = [];
  rates: Rates = QUIET;
  time = Date.UTC(2026, 0, 1);
  private readonly muted: ReadonlySet<number>;
  private readonly order: RandomStream;
  private readonly chances: RandomStream;
  private readonly names: RandomStream;
  private ready: (() => void)[] = [];
  private timers: { due: number; wake: () => void }[] = [];
  private pumping = false;
  isCalm = false;
  private asked = 0;
  private procs = 0;
  private readonly live = new Map<Proc, Promise<unknown>>();

  /** @param muted numbers of faults that don't happen, to find out which faults matter. */
  constructor(seed: number, muted: ReadonlySet<number> = new Set()) {
    this.muted = muted;
    this.order = createRandomStream(seed, 0, 1);
    this.chances = createRandomStream(seed, 0, 2);
    this.names = createRandomStream(seed, 0, 3);
  }

  say(text: string): void {
    this.trace.push(`${((this.time - Date.UTC(2026, 0, 1)) / 1000).toFixed(2).padStart(9)} ${text}`);
  }

  /** A random integer from 0 to count - 1, which decides what happens and when. */
  pick(count: number): number {
    return Math.floor(this.order.uniform(0, count));
  }
  chance(probability: number): boolean {
    return this.order.uniform(0, 1) < probability;
  }

  /** Whether a fault happens here. */
  private fault(probability: number): boolean {
    const number = this.asked++;
    if (this.chances.uniform(0, 1) >= probability || this.muted.has(number)) return false;
    this.fired.push(number);
    return true;
  }

  /** Resolves when it is this caller's turn. */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      this.ready.push(resolve);
      this.pump();
    });
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const stop = () => {
        this.timers = this.timers.filter((other) => other !== timer);
        this.ready.push(timer.wake);
        this.pump();
      };
      const timer = {
        due: this.time + ms,
        wake: () => {
          signal?.removeEventListener('abort', stop);
          resolve();
        },
      };
      this.timers.push(timer);
      signal?.addEventListener('abort', stop);
      this.pump();
    });
  }

  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    let idle = 0;
    const step = () => {
      // Code that yields with setImmediate isn't asleep.
      idle = this.ready.length === 0 ? idle + 1 : 0;
      if (idle > 0 && idle < 4) {
        setImmediate(step);
        return;
      }
      idle = 0;
      if (this.ready.length === 0) {
        const next = this.timers.reduce<number>((least, { due }) => Math.min(least, due), Infinity);
        if (next === Infinity) {
          this.pumping = false;
          return;
        }
        this.time = Math.max(this.time, next);
      } else this.time += this.order.uniform(0, (2 * LATENCY) / Math.min(8, this.ready.length));
      const due = this.timers.filter((timer) => timer.due <= this.time);
      if (due.length > 0) {
        this.timers = this.timers.filter((timer) => timer.due > this.time);
        for (const { wake } of due) this.ready.push(wake);
      }
      const [wake] = this.ready.splice(this.pick(this.ready.length), 1);
      wake?.();
      setImmediate(step);
    };
    setImmediate(step);
  }

  /** Runs `work` as a process. Rejects with Killed when it is killed. */
  spawn<T>(
    name: string,
    work: (proc: Proc) => Promise<T>,
    { skew = 0, drag = 0 }: { skew?: number; drag?: number } = {},
  ): Promise<T> {
    let proc!: Proc;
    const done = new Promise<T>((resolve, reject) => {
      proc = {
        name,
        skew,
        drag,
        dead: false,
        born: String(++this.procs),
        kill: () => {
          if (proc.dead) return;
          proc.dead = true;
          this.live.delete(proc);
          this.say(`${name} is killed`);
          reject(new Killed(name));
        },
      };
      current.run(proc, () => work(proc)).then(resolve, reject);
    });
    const ended = done.then(
      () => this.live.delete(proc),
      () => this.live.delete(proc),
    );
    this.live.set(proc, ended);
    done.catch(() => {});
    return done;
  }

  isAlive(host: string, born: string): boolean {
    for (const proc of this.live.keys()) if (proc.name === host && proc.born === born) return true;
    return false;
  }

  /** From now on nothing fails and nothing is slow. */
  calm(): void {
    this.rates = QUIET;
    this.isCalm = true;
    this.say('from now on nothing fails');
  }

  /** Ends the world: everything that waits in it waits for ever. */
  end(): void {
    this.ready = [];
    this.timers = [];
  }

  /** Waits until every process has ended. */
  async settle(): Promise<void> {
    while (this.live.size > 0) await Promise.all(this.live.values());
  }

  /** A store call, with everything that may go wrong. */
  async call<T>(what: string, effect: () => T, conditional: boolean, isWrite: boolean): Promise<T> {
    const proc = current.getStore();
    const who = proc?.name ?? 'the user';
    await this.turn();
    if (proc !== undefined && proc.drag > 0 && !this.isCalm && this.chance(0.1)) {
      await this.sleep(proc.drag * this.order.uniform(0, 1) ** 3);
    }
    if (proc?.dead) return never();
    if (proc !== undefined) {
      if (this.fault(this.rates.kill)) {
        this.say(`${who} dies before ${what}`);
        proc.kill();
        return never();
      }
      if (this.fault(this.rates.fail)) {
        this.say(`${who}: ${what} fails before its effect`);
        throw new Injected(`${what} failed`);
      }
    }
    let value: T;
    try {
      value = effect();
    } catch (error) {
      if (isWrite) this.say(`${who} ${what}: ${(error as Error).name}`);
      throw error;
    }
    if (isWrite) this.say(`${who} ${what}`);
    if (proc !== undefined) {
      if (this.fault(this.rates.kill)) {
        this.say(`${who} dies after ${what}`);
        proc.kill();
        return never();
      }
      if (this.fault(this.rates.fail)) {
        this.say(`${who}: ${what} fails after its effect`);
        throw new Injected(`${what} failed`);
      }
      if (conditional && this.fault(this.rates.ownPrecondition)) {
        this.say(`${who}: ${what} finds its own effect`);
        throw new OwnPrecondition();
      }
      await this.turn();
      if (proc.dead) return never();
    }
    return value;
  }

  /** Whether the answer of a function is lost. */
  losesReply(): boolean {
    return this.fault(this.rates.lostReply);
  }

  /** Gives the code under test the world's time, random numbers and names, until the returned function is called. */
  take(): () => void {
    const own = { ...ambient };
    Object.assign(ambient, {
      now: () => this.time + (current.getStore()?.skew ?? 0),
      elapsed: () => this.time,
      sleep: (ms: number, signal?: AbortSignal) =>
        signal?.aborted ? Promise.resolve() : this.sleep(ms, signal),
      random: () => this.order.uniform(0, 1),
      token: () => `t${Math.floor(this.names.uniform(0, 2 ** 31)).toString(36)}${this.asked}`,
      pid: () => 1,
      host: () => current.getStore()?.name ?? 'the user',
      bornOf: () => current.getStore()?.born ?? '',
    });
    const restore = deflateAtOnce();
    return () => {
      Object.assign(ambient, own);
      restore();
    };
  }
}

/** Thrown instead of a PreconditionError for a write that succeeded. */
export class OwnPrecondition extends Error {}

function never(): Promise<never> {
  return new Promise(() => {});
}

/** zlib answers from other threads, at times that the seed doesn't determine: this makes it synchronous. */
function deflateAtOnce(): () => void {
  const zlib = createRequire(import.meta.url)('node:zlib') as typeof import('node:zlib');
  const own = zlib.deflateRaw;
  const atOnce = (bytes: Buffer, options: ZlibOptions, done: (error: null, packed: Buffer) => void) =>
    process.nextTick(done, null, zlib.deflateRawSync(bytes, options));
  zlib.deflateRaw = atOnce as typeof zlib.deflateRaw;
  return () => {
    zlib.deflateRaw = own;
  };
}
