/** Finds out which of a failing world's features and faults matter: the same seed without the others fails as well. */
import type { Samples } from './samples.ts';
import { type Feature, type Limits, type Outcome, simulate } from './scenario.ts';

export interface Shrunk extends Outcome {
  limits: Required<Limits>;
}

const kindOf = (violation: string | undefined) => violation?.split(':')[0];

/** `outcome` is that of the seed without limits, and has violations. */
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
  // Halves, quarters, ... of the faults, as long as leaving one out leaves the failure.
  for (let size = Math.ceil(best.faults.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.faults.length; ) {
      const muted = new Set([...best.limits.muted, ...best.faults.slice(at, at + size)]);
      if (!(await attempt({ ...best.limits, muted }))) at += size;
    }
  }
  return best;
}
