/** AWS SDK clients whose requests the test answers itself. */

interface Client {
  middlewareStack: {
    add(middleware: (next: unknown, context: { commandName?: string }) => unknown, options: object): void;
  };
}

/** Answers each request of the client with the function of its command's name, without the network. */
export function answerBy<C>(
  client: C,
  answers: Record<string, (input: never) => object>,
): { client: C; sent: { command: string; input: object }[] } {
  const sent: { command: string; input: object }[] = [];
  (client as Client).middlewareStack.add(
    (_next, { commandName = '' }) =>
      async ({ input }: { input: object }) => {
        const command = commandName.replace(/Command$/, '');
        sent.push({ command, input });
        const answer = answers[command];
        if (answer === undefined) throw new Error(`no answer for ${command}`);
        return { response: undefined, output: { ...answer(input as never), $metadata: {} } };
      },
    { step: 'initialize' },
  );
  return { client, sent };
}
