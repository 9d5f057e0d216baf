/** The job agent: AWS Batch's API on this machine. `node --import tsx infra/local/agent.ts`, settings by environment. */
import { createServer, type IncomingMessage } from 'node:http';
import { openJobStore } from './job-store.ts';
import { ClientError, createOperations, type Operations } from './operations.ts';
import { createReports } from './reports.ts';
import type { RunnerKind } from './runner.ts';
import { createScheduler } from './scheduler.ts';

export interface AgentSettings {
  port: number;
  folder: string;
  runner: RunnerKind;
  image?: string | undefined;
  slots: number;
  /** From SIGTERM to SIGKILL [ms]. */
  grace: number;
  /** Variables that every job gets. */
  jobEnv: Record<string, string>;
}

export interface Agent {
  readonly port: number;
  stop(): Promise<void>;
}

/** Requests are a few kilobytes. */
const BODY_LIMIT = 1 << 20;

export async function startAgent(settings: AgentSettings): Promise<Agent> {
  const store = openJobStore(settings.folder);
  const reports = createReports((error) => console.error('cannot report:', error));
  const { runner: kind, folder, image, jobEnv: env } = settings;
  const scheduler = createScheduler(store, { kind, folder, image, env }, reports, settings);
  const operations = createOperations(store, scheduler);
  const server = createServer(async (request, response) => {
    const { status, body } = await answer(operations, request);
    response.writeHead(status, {
      'content-type': 'application/json',
      ...(status !== 200 && { 'x-amzn-errortype': status === 400 ? 'ClientException' : 'ServerException' }),
    });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(settings.port, '127.0.0.1', resolve);
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
): Promise<{ status: number; body: unknown }> {
  try {
    const name = (request.url ?? '').replace(/^\/v1\//, '').replace(/\/$/, '');
    if (name === 'health') return { status: 200, body: {} };
    const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
    if (operation === undefined) throw new ClientError(`the local agent has no operation ${request.url}`);
    return { status: 200, body: operation(JSON.parse((await readBody(request)) || '{}') as never) };
  } catch (error) {
    const status = error instanceof ClientError || error instanceof SyntaxError ? 400 : 500;
    if (status === 500) console.error(error);
    return { status, body: { message: error instanceof Error ? error.message : String(error) } };
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > BODY_LIMIT) throw new ClientError(`a body of more than ${BODY_LIMIT} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
