/** The emulated cloud of this machine, as its clients see it. `npm run local:up` writes a note with its addresses. */
import { readFileSync } from 'node:fs';
import { devNull } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { MachineError } from '../core/errors.ts';
import { parseJson } from '../storage/json.ts';

export interface LocalStage {
  /** URL of the emulator. */
  emulator: string;
  /** URL of the job agent. Its path is a secret: the agent refuses requests without it. */
  agent: string;
  /** The same agent's URL for functions: in a container or on another machine they reach this one by another name. */
  agentForFunctions: string;
}

/** The environment variable that names another state folder than this checkout's, for tests and the benchmark. */
export const STATE_VARIABLE = 'CHIRPLINE_LOCAL';

const EMULATOR = v.pipe(
  v.string(),
  v.check((text) => emulatorOrigin(text) === text, 'must be the origin of an emulator'),
);
const SECRET_PATH = String.raw`:\d{1,5}(\/[A-Za-z0-9_-]*)?$`;
const NOTE = v.strictObject({
  emulator: EMULATOR,
  agent: v.pipe(v.string(), v.regex(new RegExp(String.raw`^http:\/\/127\.0\.0\.1${SECRET_PATH}`))),
  agentForFunctions: v.pipe(
    v.string(),
    v.regex(new RegExp(String.raw`^http:\/\/[A-Za-z0-9.-]+${SECRET_PATH}`)),
  ),
});

/** The origin of an emulator's URL; undefined for what is no such URL, and for AWS itself. */
export function emulatorOrigin(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, origin, href } = new URL(text);
  const isPlain = /^https?:$/.test(protocol) && href === `${origin}/`;
  return isPlain && !/(^|\.)(amazonaws|api\.aws|amazonwebservices)(\.|$)/.test(hostname) ? origin : undefined;
}

/** The note in a state folder. Only its owner can read it (mode 0600), since it holds the secret. */
export const notePath = (folder: string): string => join(folder, 'stage.json');

/** Undefined if no emulated cloud was started. Throws InputError when the note is broken. */
export function readLocalStage(folder: string): LocalStage | undefined {
  const path = notePath(folder);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
  return parseJson(
    bytes,
    path,
    NOTE,
    'Remove it and restart the emulated cloud: npm run local:down && npm run local:up',
  );
}

/** The environment for SDKs and tools of the emulated cloud. Config files could name other endpoints, so none are read. */
export function localEnvironment({ emulator, agent }: Pick<LocalStage, 'emulator' | 'agent'>) {
  return {
    AWS_ENDPOINT_URL: emulator,
    AWS_ENDPOINT_URL_BATCH: agent,
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_CONFIG_FILE: devNull,
    AWS_SHARED_CREDENTIALS_FILE: devNull,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  };
}

/** The environment without any AWS variables: endpoints of single services, profiles, credentials. */
export function withoutAws(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('AWS_')));
}

/**
 * Makes this process use the emulated cloud. All its other AWS variables are removed, so every request of stage `local` goes to
 * the emulator and the agent. Throws MachineError when no emulated cloud was started.
 */
export function useLocalCloud(env: NodeJS.ProcessEnv): void {
  const stage = readLocalStage(env[STATE_VARIABLE] ?? OWN_STATE);
  if (stage === undefined) {
    throw new MachineError(
      'stage local: the emulator is not running. Start it: npm run local:up && npm run local:deploy',
    );
  }
  const kept = withoutAws(env);
  for (const name of Object.keys(env)) if (!(name in kept)) delete env[name];
  Object.assign(env, localEnvironment(stage));
}

/** The state folder of this checkout. The bundled command line is two folders below the root, as this file is. */
const OWN_STATE = fileURLToPath(new URL('../../.chirpline/local', import.meta.url));
