/** What AWS asks for, as a dated table that a user can replace by a file of the same form. */
import { SettingError } from '../../core/errors.ts';

/** US dollars. */
export interface Prices {
  /** When they were looked up, and where they hold. */
  date: string;
  region: string;
  /** A function's memory, a GB (2^30 bytes) and second. */
  lambdaGbSecond: number;
  lambdaRequest: number;
  s3Put: number;
  s3Get: number;
  /** A transition of a standard state machine. */
  stepTransition: number;
  sqsRequest: number;
  /** A host with a GPU, an hour: from spot to on-demand. */
  gpuHour: number;
  gpuHourSpot: number;
}

/** List prices without free tiers; functions on arm64, g4dn.xlarge for training. */
export const PRICES: Prices = {
  date: '2025-07',
  region: 'us-east-1',
  lambdaGbSecond: 0.0000133334,
  lambdaRequest: 0.2e-6,
  s3Put: 5e-6,
  s3Get: 0.4e-6,
  stepTransition: 25e-6,
  sqsRequest: 0.4e-6,
  gpuHour: 0.526,
  gpuHourSpot: 0.16,
};

/** A table in JSON. What it leaves out is as in PRICES. Throws SettingError when it has other things in it. */
export function parsePrices(text: string, file: string): Prices {
  const fault = (found: string) =>
    new SettingError(`${file}: found ${found}, needed prices such as ${JSON.stringify(PRICES)}`);
  let table: unknown;
  try {
    table = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw fault('no JSON');
    throw error;
  }
  if (typeof table !== 'object' || table === null || Array.isArray(table)) throw fault('no table');
  for (const [name, value] of Object.entries(table)) {
    if (!(name in PRICES)) throw fault(`the unknown price ${JSON.stringify(name)}`);
    const kind = typeof PRICES[name as keyof Prices];
    const fits = typeof value === kind && (kind === 'string' || (Number.isFinite(value) && value >= 0));
    if (!fits) throw fault(`${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  }
  return { ...PRICES, ...table };
}
