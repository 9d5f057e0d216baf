import type { Engine } from '../engine/engine.ts';
import { meanLogits } from './logit.ts';

/** Predicts the logit of a signal's probability for each sample of a batch, with one model or several. */
export type Predictor = Pick<Engine, 'logits'>;

/** Averages the probabilities of the members. There must be at least one. */
export function averagePredictors(members: readonly Predictor[]): Predictor {
  return { logits: (batch) => meanLogits(members.map((member) => member.logits(batch))) };
}
