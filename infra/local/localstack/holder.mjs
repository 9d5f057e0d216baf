/** Loads a function and calls it with each event from environment.mjs, like AWS's own Node runtime. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const { _HANDLER, LAMBDA_TASK_ROOT, AWS_LAMBDA_FUNCTION_NAME } = process.env;

async function loadHandler() {
  const dot = _HANDLER.lastIndexOf('.');
  const path = join(LAMBDA_TASK_ROOT, _HANDLER.slice(0, dot));
  const file = ['.mjs', '.js', '.cjs'].map((extension) => path + extension).find((name) => existsSync(name));
  if (file === undefined) throw new Error(`${path}.mjs is not in the package`);
  const { [_HANDLER.slice(dot + 1)]: handler } = await import(pathToFileURL(file).href);
  if (typeof handler !== 'function') throw new Error(`${_HANDLER} is not a function`);
  return handler;
}

/** https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html */
function describeError(error) {
  const { name = 'Error', message = String(error), stack = '' } = error ?? {};
  return { errorType: name, errorMessage: message, trace: stack.split('\n') };
}

process.on('disconnect', () => process.exit());
try {
  const handler = await loadHandler();
  process.on('message', async ({ id, arn, payload, deadline }) => {
    const context = {
      awsRequestId: id,
      invokedFunctionArn: arn,
      functionName: AWS_LAMBDA_FUNCTION_NAME,
      getRemainingTimeInMillis: () => deadline - Date.now(),
    };
    try {
      process.send({ result: JSON.stringify((await handler(JSON.parse(payload), context)) ?? null) });
    } catch (error) {
      console.error(error);
      process.send({ error: describeError(error) });
    }
  });
  process.send({});
} catch (error) {
  process.send({ error: describeError(error) });
}
