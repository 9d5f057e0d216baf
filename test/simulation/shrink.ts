/** Finds the features and faults of a failing world that matter: without the others, the same seed still fails. */
import type { Samples } from './samples.ts';
import { type Feature, type Limits, type Outcome, simulate } from './scenario.ts';

export interface Shrunk extends Outcome {
  limits: Required<Limits>;
}

const kindOf = (violation: string | undefined) => violation?.split(':')[0];

/** @param outcome of the seed without limits; it has violations. */
export async function shrink(samples: Samples, seed: number, outcome: Outcome): Promise<Shrunk> {
  const kind = kindOf(outcome.violations[0]);
  let best: Shrunk = {
    ...outcome,
    limits: { features: outcome.features, muted: new Set() },
  };
  const attempt = async (limits: Required<Limits>): Promise<boolean> => {
    const tried = await simulate(samples, seed, limits);
    if (kindOf(tried.violations[0]) !== kind) return false;
    best = { ...tried, limits };
    return true;
  };
  for (const feature of outcome.features) {
    const features = best.limits.features.filter((other): other is Feature => other !== feature);
    await attempt({ ...best.limits, features });
  }
  // Mutes halves, quarters, ... of the faults, as long as the failure stays.
  for (let size = Math.ceil(best.faults.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.faults.length; ) {
      const muted = new Set([...best.limits.muted, ...best.faults.slice(at, at + size)]);
      if (!(await attempt({ ...best.limits, muted }))) at += size;
    }
  }
  return best;
}
