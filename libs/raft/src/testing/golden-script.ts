import { InteractionEnv } from './interaction-env.ts';

const OUTPUT_MARK = '----';

/**
 * Runs a script and writes it again with the outputs that it gives now. A script is lines: `# comment`, a command, the
 * mark `----`, the output, an empty line.
 */
export function rerunScript(text: string): string {
  const env = new InteractionEnv();
  const out: string[] = [];
  for (const block of text.trim().split(/\n\n+/)) {
    const lines = block.split('\n');
    const end = lines.indexOf(OUTPUT_MARK);
    const head = end < 0 ? lines : lines.slice(0, end);
    const commands = head.filter((line) => !line.startsWith('#') && line !== '');
    out.push(...head);
    if (commands.length > 0) {
      out.push(OUTPUT_MARK, commands.map((line) => env.run(line)).join('\n'));
    }
    out.push('');
  }
  return `${out.join('\n').trimEnd()}\n`;
}
