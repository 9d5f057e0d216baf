/**
 * `node environment.mjs PORT`: the environment of a function for LocalStack, which would otherwise download a program into a
 * container. It receives events at /invoke and passes them to a process that runs the function. This process is restarted
 * after it timed out or ended.
 *
 * FUNCTION: JSON of the function's environment variables. Responses are sent to its LOCALSTACK_RUNTIME_ENDPOINT.
 */
import { fork } from 'node:child_process';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

const HOLDER = fileURLToPath(new URL('holder.mjs', import.meta.url));
const { FUNCTION, ...inherited } = process.env;
const variables = JSON.parse(FUNCTION);
const { LOCALSTACK_RUNTIME_ENDPOINT, LOCALSTACK_RUNTIME_ID, AWS_LAMBDA_FUNCTION_TIMEOUT } = variables;
const limit = Number(AWS_LAMBDA_FUNCTION_TIMEOUT) * 1000;

async function post(path, body) {
  const url = `${LOCALSTACK_RUNTIME_ENDPOINT}/${path}`;
  const response = await fetch(url, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  });
  if (!response.ok) throw new Error(`${url} returned ${response.status}`);
}

/** Resolves when the function is loaded; rejects with the error of loading it. */
async function startHolder() {
  const child = fork(HOLDER, { env: { ...inherited, ...variables }, silent: true });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      printed += text;
    });
  }
  /** Resolves to the next message, or to an error when the process ends. */
  const listen = () =>
    new Promise((resolve) => {
      const ended = (code, signal) => resolve({ error: exitError(code, signal) });
      child.once('exit', ended);
      child.once('message', (message) => {
        child.off('exit', ended);
        resolve(message);
      });
    });
  const { error } = await listen();
  if (error) throw error;
  return {
    get alive() {
      return child.exitCode === null && child.signalCode === null;
    },
    takePrinted() {
      const text = printed;
      printed = '';
      return text;
    },
    async call(message) {
      const timer = setTimeout(() => child.kill('SIGKILL'), limit);
      const started = Date.now();
      const answer = listen();
      child.send({ ...message, deadline: started + limit });
      const result = await answer;
      clearTimeout(timer);
      if (this.alive || Date.now() - started < limit) return result;
      const seconds = (limit / 1000).toFixed(2);
      return {
        error: { errorType: 'Sandbox.Timedout', errorMessage: `Task timed out after ${seconds} seconds` },
      };
    },
    end: () => child.kill('SIGKILL'),
  };
}

/** In AWS's words. */
function exitError(code, signal) {
  const how = signal === null ? `exit status ${code}` : `signal: ${signal}`;
  return { errorType: 'Runtime.ExitError', errorMessage: `Runtime exited with error: ${how}` };
}

let holder;

async function call(message) {
  try {
    if (!holder?.alive) holder = await startHolder();
    return await holder.call(message);
  } catch (error) {
    // startHolder throws errors that are already in AWS's format.
    return { error: error instanceof Error ? { errorType: error.name, errorMessage: error.message } : error };
  }
}

async function invoke({ 'invoke-id': id, 'invoked-function-arn': arn, payload }) {
  const { result, error } = await call({ id, arn, payload });
  const logs = `START RequestId: ${id}\n${holder?.takePrinted() ?? ''}END RequestId: ${id}\n`;
  await post(`invocations/${id}/logs`, JSON.stringify({ logs }));
  if (error) await post(`invocations/${id}/error`, JSON.stringify(error));
  else await post(`invocations/${id}/response`, result);
}

const server = createServer(async (request, response) => {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part;
  // LocalStack gets the result through its own endpoint.
  response.end();
  await invoke(JSON.parse(text));
});

process.stdin.resume().on('end', () => {
  holder?.end();
  process.exit();
});
server.listen(Number(process.argv[2]), '127.0.0.1', async () => {
  try {
    holder = await startHolder();
    await post(`status/${LOCALSTACK_RUNTIME_ID}/ready`);
  } catch (error) {
    await post(`status/${LOCALSTACK_RUNTIME_ID}/error`, JSON.stringify(error));
  }
});
