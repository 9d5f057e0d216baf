/** The probability of a logit in float64. It rounds to 1 from a logit of 37 on. */
export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/**
 * For each sample the logit of the mean of some probabilities, which are given as logits. Computed from the means of p and of
 * 1 - p, since a mean near 1 has lost the digits that rank it.
 *
 * @param members The logits of the samples by each member, at least one. Those of a single member are returned unchanged.
 */
export function meanLogits(members: readonly Float32Array[]): Float32Array {
  if (members.length === 1) return members[0]!;
  return members[0]!.map((_, i) => {
    let [signal, noise] = [0, 0];
    for (const logits of members) {
      signal += sigmoid(logits[i]!);
      noise += sigmoid(-logits[i]!);
    }
    return Math.log(signal / noise);
  });
}
