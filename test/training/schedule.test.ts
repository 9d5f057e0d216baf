import assert from 'node:assert/strict';
import { test } from 'node:test';
import { advanceSchedule, rateOfStep, startSchedule } from '../../src/training/fit/schedule.ts';

/** Learning rate of each epoch, the best epoch and the last one (both from 1), for made-up validation losses. */
function follow(losses: number[], learningRate = 1e-4) {
  const rates: number[] = [];
  let best = 0;
  let schedule = startSchedule(learningRate);
  for (const loss of losses) {
    if (schedule.stop) break;
    rates.push(schedule.learningRate);
    schedule = advanceSchedule(schedule, { loss, auc: 0.5 }, 'plateau');
    if (schedule.improved) best = rates.length;
  }
  return { rates, best, last: rates.length, stopped: schedule.stop };
}

test('decreasing losses change nothing', () => {
  const { rates, best, stopped } = follow([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]);
  assert.deepEqual(rates, Array(7).fill(1e-4));
  assert.equal(best, 7);
  assert.equal(stopped, false);
});

test('three epochs without a lower loss halve the learning rate, five stop the training', () => {
  const { rates, best, last, stopped } = follow([0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.1, 0.1]);
  assert.deepEqual(rates, [1e-4, 1e-4, 1e-4, 1e-4, 5e-5, 5e-5]);
  assert.deepEqual([best, last, stopped], [1, 6, true]);
});

test('a loss equal to the best one is no improvement', () => {
  assert.deepEqual(follow([0.5, 0.5, 0.5, 0.5, 0.5, 0.5]).stopped, true);
});

test('an improvement resets both counts', () => {
  const { rates, best, stopped } = follow([0.5, 0.6, 0.6, 0.4, 0.6, 0.6, 0.6, 0.3, 0.6, 0.6]);
  assert.deepEqual(rates, [...Array(7).fill(1e-4), 5e-5, 5e-5, 5e-5]);
  assert.equal(best, 8);
  assert.equal(stopped, false);
});

test('the learning rate is not lowered below 1e-6, and one that is already lower is kept', () => {
  assert.deepEqual(follow([1, 2, 2, 2, 2], 1.5e-6).rates.at(-1), 1e-6);
  assert.deepEqual(follow([1, 2, 2, 2, 2], 1e-7).rates.at(-1), 1e-7);
});

test('cosine warms up linearly, falls to 0 at the last step, and never stops early', () => {
  const settings = { schedule: 'cosine', learning_rate: 1, warmup_ratio: 0.2 } as const;
  const schedule = startSchedule(1);
  const rates = Array.from({ length: 11 }, (_, step) => rateOfStep(settings, schedule, step, 10));
  const rounded = rates.map((rate) => Number(rate.toFixed(3)));
  assert.deepEqual(rounded, [0.5, 1, 1, 0.962, 0.854, 0.691, 0.5, 0.309, 0.146, 0.038, 0]);
  let after = schedule;
  for (let epoch = 0; epoch < 9; epoch++)
    after = advanceSchedule(after, { loss: 1, auc: epoch === 0 ? 0.7 : 0.6 }, 'cosine');
  assert.deepEqual([after.stop, after.learningRate, after.epochsSinceBest], [false, 1, 8]);
});

test('cosine chooses the epoch with the highest AUC, and the one with the lowest loss where there is no AUC', () => {
  const choose = (validations: { loss: number; auc: number | null }[]) => {
    let schedule = startSchedule(1);
    return validations.map((validation) => {
      schedule = advanceSchedule(schedule, validation, 'cosine');
      return schedule.improved;
    });
  };
  const found = [0.7, 0.8, 0.8, 0.79, 0.81].map((auc, i) => ({ loss: 0.5 + i / 10, auc }));
  assert.deepEqual(choose(found), [true, true, false, false, true]);
  const equal = [0.5, 0.6, 0.4].map((loss) => ({ loss, auc: 1 }));
  assert.deepEqual(choose(equal), [true, false, true]);
  const losses = [0.5, 0.6, 0.4].map((loss) => ({ loss, auc: null }));
  assert.deepEqual(choose(losses), [true, false, true]);
});

test('with plateau every step has the learning rate of its epoch', () => {
  const settings = { schedule: 'plateau', learning_rate: 1, warmup_ratio: 0 } as const;
  const lowered = { ...startSchedule(1), learningRate: 0.25 };
  assert.equal(rateOfStep(settings, lowered, 7, 10), 0.25);
});
