import type { Mount, PortConfig } from '@skep/model';

import { fail, ok, type Result } from '@skep/kernel';

/** Most ports that one range may stand for. */
const RANGE_MAX = 1024;

/**
 * Parses a port in compose's short form: `80`, `8080:80`, `8080-8085:80-85/udp`. A host address is refused: in a
 * cluster a published port is open on every node.
 */
export function parseShortPort(text: string): Result<PortConfig[]> {
  const match = /^(?:(?:(\[[^\]]*\]|[^:]*):)?(\d+(?:-\d+)?)?:)?(\d+(?:-\d+)?)(?:\/(tcp|udp|sctp))?$/.exec(
    text,
  );
  if (match === null) {
    return fail(
      'invalid_argument',
      `"${text}" is not a port; write target, published:target or a range, with /udp if needed`,
    );
  }
  if (match[1] !== undefined && match[1] !== '') {
    return fail(
      'invalid_argument',
      `port "${text}": a host address is not supported for services; publish on all nodes or use mode: host`,
    );
  }
  const protocol = match[4] === 'udp' || match[4] === 'sctp' ? match[4] : 'tcp';
  const targets = portRange(match[3] ?? '');
  const published = match[2] === undefined ? undefined : portRange(match[2]);
  if (targets.length === 0 || published?.length === 0) {
    return fail('invalid_argument', `port "${text}": ports go from 1 to 65535 and a range from low to high`);
  }
  if (published !== undefined && published.length !== targets.length) {
    return fail('invalid_argument', `port "${text}": both ranges must be of the same length`);
  }
  return ok(
    targets.map((targetPort, index) => {
      const publishedPort = published?.[index];
      return {
        protocol,
        targetPort,
        publishMode: 'ingress',
        ...(publishedPort === undefined ? {} : { publishedPort }),
      };
    }),
  );
}

function portRange(text: string): number[] {
  const [first, last = first] = text.split('-').map(Number);
  if (
    first === undefined ||
    last === undefined ||
    first < 1 ||
    last > 65_535 ||
    last < first ||
    last - first >= RANGE_MAX
  ) {
    return [];
  }
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** Parses a volume in compose's short form: `target`, `name:target[:ro]`, `/host/path:target[:ro]`. */
export function parseShortVolume(text: string): Result<Mount> {
  const parts = text.split(':');
  const [source, target = ''] = parts.length === 1 ? [undefined, parts[0]] : parts;
  const options = parts[2]?.split(',') ?? [];
  const problem = volumeProblem({ parts, source, target, options });
  if (problem !== undefined) {
    return fail('invalid_argument', `volume "${text}": ${problem}`);
  }
  const readOnly = options.includes('ro') ? { readOnly: true } : {};
  if (source?.startsWith('/') === true) {
    return ok({ type: 'bind', source, target, ...readOnly });
  }
  const noCopy = options.includes('nocopy') ? { volume: { noCopy: true } } : {};
  return ok({ type: 'volume', ...(source === undefined ? {} : { source }), target, ...readOnly, ...noCopy });
}

interface ShortVolume {
  readonly parts: readonly string[];
  readonly source: string | undefined;
  readonly target: string;
  readonly options: readonly string[];
}

function volumeProblem({ parts, source, target, options }: ShortVolume): string | undefined {
  if (parts.length > 3 || parts.some((part) => part === '')) {
    return 'write target, name:target or /host/path:target, with :ro if needed';
  }
  const unknown = options.find((option) => !['ro', 'rw', 'nocopy', 'z', 'Z'].includes(option));
  if (unknown !== undefined) {
    return `unknown option "${unknown}"; use ro, rw or nocopy`;
  }
  if (!target.startsWith('/')) {
    return 'the target must be an absolute path in the container';
  }
  return source !== undefined && /^[.~]/.test(source)
    ? 'relative host paths mean nothing in a cluster; use an absolute path or a named volume'
    : undefined;
}
