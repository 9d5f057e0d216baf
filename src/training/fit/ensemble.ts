import type { Engine } from '../engine/engine.ts';

/** Predicts the probability of a signal for each sample of a batch, with one model or several. */
export type Predictor = Pick<Engine, 'predict'>;

/** Averages the probabilities of the members. There must be at least one. */
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
