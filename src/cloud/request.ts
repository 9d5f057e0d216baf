import { MachineError } from '../core/errors.ts';

/** [ms] */
const TIME_LIMIT = 30_000;

/** `fetch` for the few requests that no SDK client makes. Throws MachineError, which names `object`, when nothing answers. */
export async function request(url: string | URL, object: string, init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.timeout(TIME_LIMIT) });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // fetch hides the reason in its cause.
    const { message } = error.cause instanceof Error ? error.cause : error;
    throw new MachineError(`${object} can't be reached (${message}). Check the network`, { cause: error });
  }
}
