/** Runs infra/state-machine.yml: the part of Amazon States Language that it uses. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

interface Retrier {
  ErrorEquals: string[];
  IntervalSeconds?: number;
  BackoffRate?: number;
  MaxDelaySeconds?: number;
  MaxAttempts: number | string;
}
type Template = { [name: string]: unknown };
interface State {
  Type: string;
  Resource?: string;
  Next?: string;
  End?: boolean;
  Default?: string;
  Choices?: (Template & { Variable: string; Next: string })[];
  Parameters?: { FunctionName: string; Payload?: Template; 'Payload.$'?: string };
  ResultPath?: string;
  ResultSelector?: Template;
  Retry?: Retrier[];
  ItemReader?: { Parameters: { 'Key.$': string } };
  ItemSelector?: Template;
  ToleratedFailurePercentage?: unknown;
  ItemProcessor?: Machine;
}
interface Machine {
  StartAt: string;
  States: Record<string, State>;
}

const FILE = new URL('../../infra/state-machine.yml', import.meta.url);
const TAG = { tag: '!GetAtt', resolve: (text: string) => text };
const REF = { tag: '!Ref', resolve: (text: string) => text };
const SUB = { tag: '!Sub', resolve: (text: string) => text };
const { Resources } = parse(readFileSync(FILE, 'utf8'), { merge: true, customTags: [TAG, REF, SUB] });
const MACHINE = Resources.StateMachine.Properties.Definition as Machine;

export interface Surroundings {
  /** ARN of the execution. */
  execution: string;
  /** @param name of the function in the template, such as Plan. */
  invoke(name: string, payload: unknown): Promise<unknown>;
  /** A list in the bucket. */
  readItems(key: string): Promise<unknown[]>;
  sleep(ms: number): Promise<void>;
  /** Throws when the execution was stopped. */
  check(): void;
}

/** Resolves to the output; rejects with the error of a failed state. */
export async function execute(input: object, around: Surroundings): Promise<unknown> {
  return runMachine(MACHINE, input, { Execution: { Id: around.execution } }, around);
}

async function runMachine(machine: Machine, input: object, context: object, around: Surroundings) {
  let data: unknown = input;
  for (let name = machine.StartAt; ; ) {
    around.check();
    const state = machine.States[name]!;
    if (state.Type === 'Succeed') return data;
    if (state.Type === 'Choice') {
      const rule = state.Choices!.find((choice) => holds(choice, look(data, choice.Variable)));
      name = rule?.Next ?? state.Default!;
      continue;
    }
    if (state.Type === 'Wait') {
      await around.sleep(20_000);
      name = state.Next!;
      continue;
    }
    if (state.Type === 'Map') {
      const keyPath = state.ItemReader!.Parameters['Key.$'];
      const items = await around.readItems(String(look(data, keyPath)));
      const runs = items.map((value) => {
        const item = { ...context, Map: { Item: { Value: value } } };
        return runMachine(
          state.ItemProcessor!,
          fill(state.ItemSelector!, data, item) as object,
          item,
          around,
        );
      });
      const ended = await Promise.allSettled(runs);
      const failed = ended.filter(({ status }) => status === 'rejected');
      const tolerated = state.ToleratedFailurePercentage === undefined ? 0 : 0.5;
      if (failed.length > tolerated * ended.length) throw (failed[0] as PromiseRejectedResult).reason;
      data = place(state, data, []);
    } else data = place(state, data, await runTask(state, data, context, around));
    if (state.End) return data;
    name = state.Next!;
  }
}

async function runTask(state: State, data: unknown, context: object, around: Surroundings): Promise<unknown> {
  const { FunctionName, Payload } = state.Parameters!;
  const payload = Payload === undefined ? data : fill(Payload, data, context);
  const attempts = new Map<Retrier, number>();
  for (;;) {
    around.check();
    try {
      return { Payload: await around.invoke(FunctionName.replace(/[${}]/g, ''), payload) };
    } catch (error) {
      const { name } = error as Error;
      const retrier = state.Retry?.find(
        ({ ErrorEquals }) => ErrorEquals.includes(name) || ErrorEquals.includes('States.ALL'),
      );
      const tried = (retrier && attempts.get(retrier)) ?? 0;
      // If it is no number, it is a setting of the stage.
      const most = Number(retrier?.MaxAttempts ?? 0);
      if (retrier === undefined || tried >= (Number.isNaN(most) ? 3 : most)) throw error;
      attempts.set(retrier, tried + 1);
      const { IntervalSeconds = 1, BackoffRate = 2, MaxDelaySeconds = 60 } = retrier;
      const first = Number(IntervalSeconds) || 2;
      await around.sleep(1000 * Math.min(MaxDelaySeconds, first * BackoffRate ** tried));
    }
  }
}

function place({ ResultPath = '$', ResultSelector }: State, data: unknown, result: unknown): unknown {
  const chosen =
    ResultSelector === undefined || Array.isArray(result) ? result : fill(ResultSelector, result, {});
  return ResultPath === '$' ? chosen : { ...(data as object), [ResultPath.slice(2)]: chosen };
}

/** Fills a payload template: a value whose name ends in `.$` is a path into the data or the context. */
function fill(template: Template, data: unknown, context: object): Template {
  return Object.fromEntries(
    Object.entries(template).map(([name, value]) => {
      if (!name.endsWith('.$')) return [name, value];
      const path = String(value);
      const found = path.startsWith('$$.') ? look(context, path.slice(1)) : look(data, path);
      if (found === undefined) throw new Error(`the state machine: nothing is at ${path}`);
      return [name.slice(0, -2), found];
    }),
  );
}

function look(data: unknown, path: string): unknown {
  if (path === '$') return data;
  return path
    .slice(2)
    .split('.')
    .reduce<unknown>((value, name) => (value as Template | undefined)?.[name], data);
}

function holds(rule: Template, value: unknown): boolean {
  if (value === undefined) throw new Error(`the state machine: nothing is at ${rule.Variable}`);
  if ('NumericGreaterThan' in rule) return Number(value) > Number(rule.NumericGreaterThan);
  if ('NumericEquals' in rule) return value === rule.NumericEquals;
  return value === rule.BooleanEquals;
}
