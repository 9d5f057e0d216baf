/**
 * What Kaggle checks of a submission (https://www.kaggle.com/competitions/g2net-gravitational-wave-detection/overview/evaluation,
 * and the messages of its parser): the header of the sample submission, each of its ids once and no other, a finite number in each
 * row. The order doesn't matter to Kaggle, but a submission has that of the sample.
 */
export function checkSubmission(text: string, sample: string): string[] {
  const faults: string[] = [];
  const table = (csv: string) =>
    csv
      .split(/\r?\n/)
      .filter((line) => line !== '')
      .map((line) => line.split(','));
  const [header, ...rows] = table(text);
  const [wanted, ...samples] = table(sample);
  if (header?.join() !== wanted?.join()) faults.push(`header ${header?.join()}`);
  const expected = new Set(samples.map(([id]) => id));
  const seen = new Set<string | undefined>();
  for (const [i, row] of rows.entries()) {
    const [id, value = ''] = row;
    if (row.length !== 2) faults.push(`row ${i + 1} has ${row.length} fields`);
    if (!expected.has(id)) faults.push(`row ${i + 1}: unknown id ${id}`);
    if (seen.has(id)) faults.push(`row ${i + 1}: id ${id} twice`);
    if (value.trim() === '' || !Number.isFinite(Number(value)))
      faults.push(`row ${i + 1}: ${value} is no number`);
    seen.add(id);
  }
  for (const id of expected) if (!seen.has(id)) faults.push(`no row of ${id}`);
  if (rows.some(([id], i) => id !== samples[i]?.[0])) faults.push('another order');
  return faults;
}
