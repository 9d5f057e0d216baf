/** Tests the deployed state machine: the path of a run, and its handling of errors. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { RecordsSummary } from '../../functions/finalize.ts';
import type { PlanAnswer } from '../../functions/plan.ts';
import { packageStage, type Template } from './package.ts';

interface Retrier {
  ErrorEquals: string[];
  IntervalSeconds?: number;
  MaxDelaySeconds?: number;
  JitterStrategy?: string;
  MaxAttempts: number;
}
interface Rule {
  Variable: string;
  NumericGreaterThan?: number;
  NumericEquals?: number;
  BooleanEquals?: boolean;
  Next: string;
}
interface State {
  Type: string;
  Label?: string;
  MaxConcurrency?: number;
  Seconds?: number;
  Next?: string;
  Choices?: Rule[];
  Default?: string;
  Parameters?: { Payload: Record<string, string> };
  ItemSelector?: Record<string, string>;
  ResultSelector?: Record<string, string>;
  Retry?: Retrier[];
  ItemProcessor?: { States: Record<string, State> };
}

type Left = Omit<PlanAnswer, 'psdChunks' | 'shards'>;

/** The state input of a run. */
interface Input {
  plan: Left;
  records: Pick<RecordsSummary, 'again'>;
}

function holds({ Variable, NumericGreaterThan, NumericEquals, BooleanEquals }: Rule, input: Input): boolean {
  const [, step, field] = Variable.split('.') as [string, keyof Input, string];
  const value: unknown = (input[step] as unknown as Record<string, unknown>)[field];
  assert.notEqual(value, undefined, `there is no ${Variable}`);
  if (NumericGreaterThan !== undefined) return Number(value) > NumericGreaterThan;
  return value === (NumericEquals ?? BooleanEquals);
}

/** The states of a run that makes these plans, one after another. */
function follow(states: Record<string, State>, ...plans: Left[]): string[] {
  const way: string[] = [];
  let round = -1;
  let name: string | undefined = 'Plan';
  while (name !== undefined) {
    const { Type, Next, Choices = [], Default }: State = states[name]!;
    if (name === 'Plan') round += 1;
    const plan = plans[round];
    assert.ok(plan !== undefined, 'one more plan');
    if (Type !== 'Choice') way.push(name);
    const input = { plan, records: { again: round < plans.length - 1 } };
    name = Type === 'Choice' ? (Choices.find((rule) => holds(rule, input))?.Next ?? Default) : Next;
  }
  return way;
}

function* tasks(states: Record<string, State>): Generator<[string, State]> {
  for (const [name, state] of Object.entries(states)) {
    if (state.Type === 'Task') yield [name, state];
    if (state.ItemProcessor !== undefined) yield* tasks(state.ItemProcessor.States);
  }
}

function listNames(states: Record<string, State>): string[] {
  return Object.entries(states).flatMap(([name, { ItemProcessor }]) => [
    name,
    ...(ItemProcessor === undefined ? [] : listNames(ItemProcessor.States)),
  ]);
}

/** As on AWS, the first retrier that matches the error decides. */
function retrierOf({ Retry = [] }: State, error: string): Retrier | undefined {
  return Retry.find(({ ErrorEquals }) => ErrorEquals.includes(error) || ErrorEquals.includes('States.ALL'));
}

const ALL: Left = {
  busy: false,
  id: 'a-plan',
  resumed: false,
  psdMissing: true,
  shardCount: 547,
  files: false,
  trainAfterRun: false,
};

for (const stage of ['local', 'dev', 'prod']) {
  describe(`the state machine of stage ${stage}`, () => {
    let template: Template;
    let states: Record<string, State>;
    before(() => {
      ({ template } = packageStage(stage));
      const { Definition } = template.Resources.StateMachine!.Properties as unknown as {
        Definition: { States: Record<string, State> };
      };
      states = Definition.States;
    });

    test('goes through all steps', () => {
      const way = ['Plan', 'Psd', 'Reduce', 'Shards', 'Finalize', 'Done'];
      assert.deepEqual(follow(states, ALL), way);
      assert.deepEqual(follow(states, { ...ALL, trainAfterRun: true }), way.toSpliced(5, 0, 'Train'));
    });

    test('makes further plans while the records may be incomplete, and trains after the last', () => {
      const nothing = { ...ALL, psdMissing: false, shardCount: 0, trainAfterRun: true };
      assert.deepEqual(
        follow(states, { ...ALL, trainAfterRun: true }, { ...nothing, shardCount: 1 }, nothing),
        [
          ...['Plan', 'Psd', 'Reduce', 'Shards', 'Finalize'],
          ...['Plan', 'Shards', 'Finalize'],
          ...['Plan', 'Finalize', 'Train', 'Done'],
        ],
      );
    });

    test('passes the plan and the execution that holds the lease to its steps', () => {
      for (const [name, fields] of [
        ['Plan', { 'dataset.$': '$.dataset', 'execution.$': '$$.Execution.Id' }],
        ['Reduce', { 'dataset.$': '$.dataset', 'plan.$': '$.plan.id' }],
        [
          'Finalize',
          {
            'dataset.$': '$.dataset',
            'execution.$': '$$.Execution.Id',
            'plan.$': '$.plan.id',
            'resumed.$': '$.plan.resumed',
          },
        ],
      ] as const) {
        assert.deepEqual(states[name]!.Parameters?.Payload, fields, name);
      }
      const item = {
        'dataset.$': '$.dataset',
        'plan.$': '$.plan.id',
        'index.$': '$$.Map.Item.Value.index',
      };
      for (const name of ['Psd', 'Shards', 'ShardsOfFiles']) {
        assert.deepEqual(states[name]!.ItemSelector, item, name);
      }
    });

    test('waits for another run on its records, for at least a day', () => {
      const { Type, Seconds, Next } = states.WaitForOther!;
      assert.deepEqual([Type, Next], ['Wait', 'Plan']);
      const [first] = states.PsdOrNot!.Choices!;
      assert.deepEqual(
        [first!.Variable, first!.BooleanEquals, first!.Next],
        ['$.plan.busy', true, 'WaitForOther'],
      );
      // An execution has at most 25,000 events, and a round about nine.
      assert.ok((25_000 / 9) * Number(Seconds) > (stage === 'local' ? 3_600 : 86_400));
    });

    test('skips steps that have nothing to do', () => {
      const hasPsd = { ...ALL, psdMissing: false };
      assert.deepEqual(follow(states, hasPsd), ['Plan', 'Shards', 'Finalize', 'Done']);
      assert.deepEqual(follow(states, { ...hasPsd, shardCount: 0, files: true }), [
        ...['Plan', 'Finalize', 'Done'],
      ]);
    });

    test('has a separate map for single files, which differs only in concurrency and names', () => {
      assert.deepEqual(follow(states, { ...ALL, files: true })[3], 'ShardsOfFiles');
      const { Shards, ShardsOfFiles } = states;
      const { Label, MaxConcurrency, ItemProcessor: ofFiles, ...files } = ShardsOfFiles!;
      const { Label: otherLabel, MaxConcurrency: most, ItemProcessor: ofPacks, ...packs } = Shards!;
      assert.deepEqual(files, packs);
      assert.deepEqual(Object.values(ofFiles!.States), Object.values(ofPacks!.States));
      assert.deepEqual([Label, otherLabel], ['ShardsOfFiles', 'Shards']);
      assert.ok(MaxConcurrency! > 0 && MaxConcurrency! <= most!);
    });

    test('has unique state names, including its maps: AWS refuses duplicates, the emulators do not', () => {
      const names = listNames(states);
      assert.deepEqual(names.toSorted(), [...new Set(names)].sort());
      assert.ok(names.includes('MakeShard') && names.includes('MakeShardOfFiles'));
    });

    test('selects from the result of the plan all fields that its choices use', () => {
      const taken = Object.keys(states.Plan!.ResultSelector!).map((name) => name.replace('.$', ''));
      assert.deepEqual(taken.sort(), [...Object.keys(ALL), 'psdChunks', 'shards'].sort());
    });

    test('retries throttled calls for more than half an hour, in every step', () => {
      const steps = [...tasks(states)];
      assert.equal(steps.length, 7);
      for (const [name, state] of steps) {
        const retrier = retrierOf(state, 'Lambda.TooManyRequestsException')!;
        // With full jitter, the mean delay is half of the longest one.
        const minutes = (retrier.MaxAttempts * (retrier.MaxDelaySeconds! / 2)) / 60;
        assert.ok(minutes > 30, `${name}: ${minutes} min`);
        assert.equal(retrier.JitterStrategy, 'FULL');
        assert.ok(retrier.IntervalSeconds! <= 5 && retrier.MaxDelaySeconds! <= 60);
      }
    });

    test('retries a step that timed out once, and never one with a wrong input', () => {
      for (const [name, state] of tasks(states)) {
        if (name === 'Train') continue;
        for (const error of ['StoppedError', 'Sandbox.Timedout']) {
          assert.equal(retrierOf(state, error)!.MaxAttempts, 1, `${name}: ${error}`);
        }
        for (const error of ['InputError', 'SettingError', 'ConflictError', 'TooManyRejectedError']) {
          assert.equal(retrierOf(state, error)!.MaxAttempts, 0, `${name}: ${error}`);
        }
        const others = retrierOf(state, 'Error')!.MaxAttempts;
        assert.equal(others, stage === 'local' ? 1 : 3, name);
      }
    });

    test('does not submit a failed job again', () => {
      for (const error of ['TrainingFailed', 'InputError', 'StoppedError', 'States.Timeout']) {
        assert.equal(retrierOf(states.Train!, error), undefined, error);
      }
    });

    test('has permissions for the executions of its maps, in both forms of their ARNs', () => {
      const role = JSON.stringify(template.Resources.StateMachineRole!.Properties.Policies);
      for (const form of [':', '/']) assert.ok(role.includes(`execution:chirpline-${stage}${form}*`), form);
    });
  });
}
