/** Reads an env file: `KEY=value` lines, `#` comments, optional `export`, quotes taken off. */
export function readEnvFile(text: string): [string, string][] {
  return text.split(/\r?\n/).flatMap((line): [string, string][] => {
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(.*?)\s*$/.exec(line);
    if (match === null) {
      return [];
    }
    const value = match[2] ?? '';
    const quoted = /^(["'])(.*)\1$/.exec(value);
    return [[match[1] ?? '', quoted === null ? value.replace(/\s+#.*$/, '') : (quoted[2] ?? '')]];
  });
}
