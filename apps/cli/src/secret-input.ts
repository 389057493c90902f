import { isCancel, password as askPassword } from '@clack/prompts';

import { SwarmError } from '@skep/kernel';

/** Asks for something that is not to be seen; without a terminal it is the first line of standard input. */
export async function askSecret(message: string): Promise<string> {
  if (!process.stdin.isTTY) {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString().split('\n')[0]?.trim() ?? '';
  }
  const answer = await askPassword({ message });
  if (isCancel(answer)) {
    throw new SwarmError('cancelled', 'nothing was given');
  }
  return answer;
}
