/** AWS prices: the one dated table, from which all estimates and the costs in docs/costs.md follow. */
import { SettingError } from '../../core/errors.ts';

/** US dollars. A month has 730 hours; a GB of functions and of S3 has 2^30 bytes, one of disks and images 10^9. */
export interface Prices {
  /** The month when they held, and the region that they are for. */
  date: string;
  region: string;
  /** Memory of a function, per GB and second. */
  lambdaGbSecond: number;
  lambdaRequest: number;
  s3Put: number;
  s3Get: number;
  s3GbMonth: number;
  /** A state transition of a standard state machine. */
  stepTransition: number;
  sqsRequest: number;
  alarmMonth: number;
  /** Of the image in its registry. */
  imageGbMonth: number;
  /** A host with a GPU, per hour: the dearest type that the queue may take, on demand, and the cheapest as spot. */
  gpuHour: number;
  gpuHourSpot: number;
  /** Of a host besides: its disk and its public address. */
  diskGbMonth: number;
  addressHour: number;
}

/** On demand, by the types that the stages have as `instanceTypes`. */
export const GPU_HOURS = { 'g4dn.xlarge': 0.526, 'g5.xlarge': 1.006, 'g6.xlarge': 0.8048 };

/** List prices without free tiers; functions on arm64, which x86_64 exceeds by a quarter. */
export const PRICES: Prices = {
  date: '2026-10',
  region: 'us-east-1',
  lambdaGbSecond: 0.0000133334,
  lambdaRequest: 0.2e-6,
  s3Put: 5e-6,
  s3Get: 0.4e-6,
  s3GbMonth: 0.023,
  stepTransition: 25e-6,
  sqsRequest: 0.4e-6,
  alarmMonth: 0.1,
  imageGbMonth: 0.1,
  gpuHour: Math.max(...Object.values(GPU_HOURS)),
  gpuHourSpot: 0.2,
  diskGbMonth: 0.08,
  addressHour: 0.005,
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
