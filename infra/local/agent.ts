/** The job agent: AWS Batch's API on this machine, for clients that know its secret. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { quote } from '../../src/core/quote.ts';
import { openJobStore } from './job-store.ts';
import { createOperations, type Operations } from './operations.ts';
import { createReports } from './reports.ts';
import { ClientError } from './requests.ts';
import type { RunnerKind } from './runner.ts';
import { createScheduler } from './scheduler.ts';

export interface AgentSettings {
  /** Name or address by which functions reach the agent. With any but 127.0.0.1 it listens on all interfaces. */
  host: string;
  port: number;
  /** First part of the path of every request. */
  secret: string;
  folder: string;
  runner: RunnerKind;
  image?: string | undefined;
  slots: number;
  /** Time from SIGTERM to SIGKILL [ms]. */
  grace: number;
  /** Variables that every job gets. */
  jobEnv: Record<string, string>;
}

export interface Agent {
  readonly port: number;
  stop(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';
/** Requests are a few kilobytes. */
const BODY_LIMIT = 1 << 20;

export async function startAgent(settings: AgentSettings): Promise<Agent> {
  const store = openJobStore(settings.folder);
  const reports = createReports((error) =>
    console.error('cannot send events or logs to the emulator:', error),
  );
  const { runner: kind, folder, image, jobEnv: env } = settings;
  const scheduler = createScheduler(store, { kind, folder, image, env }, reports, settings);
  const operations = createOperations(store, scheduler);
  const server = createServer(async (request, response) => {
    const { status, body } = await answer(operations, request, settings);
    response.writeHead(status, {
      'content-type': 'application/json',
      ...(status !== 200 && { 'x-amzn-errortype': status < 500 ? 'ClientException' : 'ServerException' }),
    });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(settings.port, settings.host === LOOPBACK ? LOOPBACK : '0.0.0.0', resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : settings.port,
    async stop() {
      scheduler.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await reports.settled();
    },
  };
}

async function answer(
  operations: Operations,
  request: IncomingMessage,
  settings: AgentSettings,
): Promise<{ status: number; body: unknown }> {
  try {
    const name = admit(request, settings);
    if (name === 'health') return { status: 200, body: {} };
    const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
    if (operation === undefined) throw new ClientError(`the local agent has no operation ${name}`);
    checkMessage(request);
    return { status: 200, body: operation(parseBody(await readBody(request))) };
  } catch (error) {
    if (error instanceof ClientError) return { status: error.status, body: { message: error.message } };
    console.error(error);
    return { status: 500, body: { message: 'the local agent failed: see its log' } };
  }
}

/**
 * The name of the requested operation. Requests of browsers are refused, since any web page could send them, also through its
 * own host name for this machine (DNS rebinding). Requests without the secret are refused: the machine may have other users.
 */
function admit({ headers, socket, url = '' }: IncomingMessage, { host, secret }: AgentSettings): string {
  const hosts = [LOOPBACK, 'localhost', host].map((name) => `${name}:${socket.localPort}`);
  if (!hosts.includes(headers.host ?? ''))
    throw new ClientError(`Host is ${quote(headers.host ?? '')}: needed ${hosts[0]}`, 403);
  for (const name of ['origin', 'sec-fetch-site']) {
    if (headers[name] !== undefined)
      throw new ClientError(`the header ${name} comes from a browser: the local agent refuses browsers`, 403);
  }
  const [, given = '', name] = /^\/([^/]*)\/v1\/([^/]*)\/?$/.exec(url) ?? [];
  if (name === undefined || !isEqual(given, secret)) {
    throw new ClientError(
      "the path doesn't begin with the secret of the running stage. Deploy it again: npm run local:up && npm run local:deploy",
      403,
    );
  }
  return name;
}

/** Compares in constant time. */
function isEqual(given: string, secret: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(secret));
}

/** Throws ClientError unless method and content type are those of the SDK. */
function checkMessage({ method, headers }: IncomingMessage): void {
  if (method !== 'POST') throw new ClientError(`${method}: needed POST`, 405);
  const type = headers['content-type'];
  if (type !== 'application/json')
    throw new ClientError(`content-type is ${quote(type ?? '')}: needed application/json`, 415);
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text || '{}');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ClientError(`the body is not JSON: ${error.message}`);
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > BODY_LIMIT) throw new ClientError(`the body is longer than ${BODY_LIMIT} bytes`, 413);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
