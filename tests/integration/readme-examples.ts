import { readFileSync } from 'node:fs';

/** The curl commands of the README, as they stand there. */
export function readmeCurls(): string[] {
  const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  return [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap((match) =>
    (match[1] ?? '').split('\n').filter((line) => line.startsWith('curl ')),
  );
}
