import { fail, ok, type Result } from '@skep/kernel';
import type { ImageConfig } from '@skep/oci';

/** Applies `--change` instructions of `docker commit` and `docker import` to an image's configuration. */
export function applyChanges(config: ImageConfig, changes: readonly string[]): Result<ImageConfig> {
  let current = config;
  for (const change of changes) {
    const applied = applyOne(current, change.trim());
    if (!applied.ok) {
      return applied;
    }
    current = applied.value;
  }
  return ok(current);
}

function applyOne(config: ImageConfig, change: string): Result<ImageConfig> {
  const space = change.search(/\s/);
  const instruction = (space === -1 ? change : change.slice(0, space)).toUpperCase();
  const rest = space === -1 ? '' : change.slice(space).trim();
  switch (instruction) {
    case 'CMD':
      return ok({ ...config, cmd: command(rest) });
    case 'ENTRYPOINT':
      return ok({ ...config, entrypoint: command(rest) });
    case 'ENV':
      return ok({ ...config, env: mergePairs(config.env, parsePairs(rest)) });
    case 'EXPOSE': {
      const ports = rest.split(/\s+/).map((port) => (port.includes('/') ? port : `${port}/tcp`));
      return ok({ ...config, exposedPorts: [...new Set([...config.exposedPorts, ...ports])] });
    }
    case 'LABEL':
      return ok({ ...config, labels: { ...config.labels, ...Object.fromEntries(parsePairs(rest)) } });
    case 'USER':
      return ok({ ...config, user: rest });
    case 'VOLUME':
      return ok({ ...config, volumes: [...new Set([...config.volumes, ...words(rest)])] });
    case 'WORKDIR':
      return ok({ ...config, workingDir: rest });
    case 'STOPSIGNAL':
      return ok({ ...config, stopSignal: rest });
    case 'ONBUILD':
      return ok({ ...config, onBuild: [...config.onBuild, rest] });
    default:
      return fail('invalid_argument', `${instruction.slice(0, 40)} is not a valid change command`);
  }
}

/** A JSON array is an argument list; anything else a shell command. */
function command(text: string): readonly string[] {
  return jsonWords(text) ?? ['/bin/sh', '-c', text];
}

function words(text: string): readonly string[] {
  return jsonWords(text) ?? text.split(/\s+/);
}

function jsonWords(text: string): readonly string[] | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) && parsed.every((word) => typeof word === 'string') ? parsed : undefined;
  } catch (error: unknown) {
    if (error instanceof SyntaxError) {
      return undefined;
    }
    throw error;
  }
}

/** `a=b c="d e"`, or the old form `a b c`. */
function parsePairs(text: string): [string, string][] {
  if (!/^\S+=/.test(text)) {
    const space = text.search(/\s/);
    return [[space === -1 ? text : text.slice(0, space), space === -1 ? '' : text.slice(space).trim()]];
  }
  const pairs: [string, string][] = [];
  for (const match of text.matchAll(/([^\s=]+)=("(?:[^"\\]|\\.)*"|'[^']*'|\S*)/g)) {
    const raw = match[2] ?? '';
    const isQuoted = raw.length >= 2 && (raw.startsWith('"') || raw.startsWith("'"));
    pairs.push([match[1] ?? '', isQuoted ? raw.slice(1, -1).replace(/\\(.)/g, '$1') : raw]);
  }
  return pairs;
}

function mergePairs(env: readonly string[], pairs: readonly [string, string][]): readonly string[] {
  const merged = new Map(
    env.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const),
  );
  for (const [key, value] of pairs) {
    merged.set(key, value);
  }
  return [...merged].map(([key, value]) => `${key}=${value}`);
}
