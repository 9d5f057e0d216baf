/** AWS prices, as a dated table. Users can replace it with a JSON file of the same form. */
import { SettingError } from '../../core/errors.ts';

/** US dollars. */
export interface Prices {
  /** The month when they were looked up, and the region that they are for. */
  date: string;
  region: string;
  /** Memory of a function, per GB (2^30 bytes) and second. */
  lambdaGbSecond: number;
  lambdaRequest: number;
  s3Put: number;
  s3Get: number;
  /** A state transition of a standard state machine. */
  stepTransition: number;
  sqsRequest: number;
  /** A host with a GPU, per hour, on demand and spot. */
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

/** Parses a JSON table. Missing prices are taken from PRICES. Throws SettingError for anything else in it. */
export function parsePrices(text: string, file: string): Prices {
  const fault = (found: string) =>
    new SettingError(`${file}: found ${found}, needed prices such as ${JSON.stringify(PRICES)}`);
  let table: unknown;
  try {
    table = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw fault('invalid JSON');
    throw error;
  }
  if (typeof table !== 'object' || table === null || Array.isArray(table))
    throw fault('JSON that is not an object');
  for (const [name, value] of Object.entries(table)) {
    if (!(name in PRICES)) throw fault(`the unknown price ${JSON.stringify(name)}`);
    const kind = typeof PRICES[name as keyof Prices];
    const fits = typeof value === kind && (kind === 'string' || (Number.isFinite(value) && value >= 0));
    if (!fits) throw fault(`${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  }
  return { ...PRICES, ...table };
}
