/** Efficiency: the share of injected signals that are found, by a property of the injection. */
import { groupBy } from '../core/group-by.ts';
import { type Proportion, proportion } from '../training/fit/proportion.ts';

export interface EfficiencyBin {
  /** The bin's values, `to` excluded; null: all above. */
  from: number;
  to: number | null;
  /** One for each threshold. */
  found: Proportion[];
}

export interface Binning {
  /** Bins per unit: their edges are whole multiples of 1 / perUnit. */
  perUnit: number;
  /** The last bin begins here. */
  last: number;
}

/**
 * Bins that hold a signal, in ascending order.
 *
 * @param values One for each signal, at least 0.
 * @param logits Of the same signals.
 * @param thresholds Smallest logits that count as found; null: none does.
 */
export function efficiencyBins(
  values: readonly number[],
  logits: readonly number[],
  thresholds: readonly (number | null)[],
  { perUnit, last }: Binning,
): EfficiencyBin[] {
  const highest = Math.round(last * perUnit);
  const bins = groupBy([...values.keys()], (i) => Math.min(Math.floor(values[i]! * perUnit), highest));
  return [...bins]
    .sort(([a], [b]) => a - b)
    .map(([bin, members]) => ({
      from: bin / perUnit,
      to: bin === highest ? null : (bin + 1) / perUnit,
      found: thresholds.map((threshold) =>
        proportion(
          members.filter((i) => threshold !== null && logits[i]! >= threshold).length,
          members.length,
        ),
      ),
    }));
}
