/**
 * Loaded by `node --import`: appends each request for AWS that the process sends to the file that RECORDED_REQUESTS names, as a
 * line of JSON. The role in it is that which the process would have on AWS: a function, a training job, or the person who uses
 * the command line.
 */
import { appendFileSync } from 'node:fs';
import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';

/** Characters of a body that are kept: more than those of any request but for objects. */
const BODY = 20_000;
const { RECORDED_REQUESTS, AWS_LAMBDA_FUNCTION_NAME, AWS_BATCH_JOB_ID } = process.env;

function findRole() {
  if (AWS_LAMBDA_FUNCTION_NAME) return AWS_LAMBDA_FUNCTION_NAME.split('-').at(-1);
  if (AWS_BATCH_JOB_ID) return 'training';
  return process.argv[1]?.endsWith('dist/cli/main.js') ? 'user' : undefined;
}

const role = RECORDED_REQUESTS && findRole();
if (role) {
  const { request } = http;
  http.request = (options, ...rest) => {
    const sent = request(options, ...rest);
    const headers = Object.fromEntries(
      Object.entries(options?.headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]),
    );
    // The scope of the signature: .../20261129/us-east-1/s3/aws4_request
    const service = /\/([a-z0-9-]+)\/aws4_request/.exec(headers.authorization ?? '')?.[1];
    if (service === undefined) return sent;
    let body = '';
    for (const name of ['write', 'end']) {
      const send = sent[name];
      sent[name] = (chunk, ...more) => {
        if (service !== 's3' && chunk && typeof chunk !== 'function')
          body = (body + Buffer.from(chunk).toString()).slice(0, BODY);
        if (name === 'end') {
          const { method = 'GET', path } = options;
          const target = headers['x-amz-target'];
          const line = JSON.stringify({ role, service, method, path, target, body });
          appendFileSync(RECORDED_REQUESTS, `${line}\n`);
        }
        return send.call(sent, chunk, ...more);
      };
    }
    return sent;
  };
  syncBuiltinESMExports();
}
