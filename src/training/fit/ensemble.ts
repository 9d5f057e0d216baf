import type { Engine } from '../engine/engine.ts';

/** What says a probability for each sample of a batch: one model, or several together. */
export type Predictor = Pick<Engine, 'predict'>;

/** Predicts the mean of what the members, at least one, predict. */
export function averagePredictors(members: readonly Predictor[]): Predictor {
  return {
    predict: (batch) => {
      const sums = new Float64Array(batch.size);
      for (const member of members)
        for (const [i, probability] of member.predict(batch).entries()) sums[i]! += probability;
      return Float32Array.from(sums, (sum) => sum / members.length);
    },
  };
}
