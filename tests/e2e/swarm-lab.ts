import { randomBytes } from 'node:crypto';

import { Lab, mustCall, run } from '@skep/lab';

/** The lab that e2e/run.ts brought up; the tests run inside its client namespace and reach its hosts by address. */
export const lab = Lab.open(process.env['SKEP_LAB'] ?? 'e2e');

export const IMAGE = '10.88.0.250:5000/skep/sample:latest';
export const PASSWORD = randomBytes(12).toString('hex');

export function consoleUrl(host: string): string {
  return `https://${lab.host(host).paths.address}:8377`;
}

/** A new one-time link, as the command line of a manager prints it. */
export async function setupUrl(host: string): Promise<string> {
  const answer = (await mustCall(lab.host(host).paths.apiSocket, {
    method: 'POST',
    path: '/api/v1/bootstrap/setup-token',
  })) as { token: string };
  return `${consoleUrl(host)}/setup#token=${answer.token}`;
}

export async function docker(host: string, ...args: readonly string[]): Promise<string> {
  const result = await run(['docker', '--host', `unix://${lab.host(host).paths.dockerSocket}`, ...args], {
    timeoutMs: 60_000,
  });
  if (result.exitCode !== 0) {
    throw new Error(`docker ${args.join(' ')}: ${result.stderr}`);
  }
  return result.stdout.trim();
}
