import { SwarmError } from '@skep/kernel';

/** `80` is `80/tcp`. @throws SwarmError `invalid_argument` for anything that is no port. */
export function withProtocol(port: string): string {
  const match = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(port);
  const number = Number(match?.[1] ?? 0);
  if (match === null || number < 1 || number > 65_535) {
    throw new SwarmError('invalid_argument', `invalid port specification: "${port}"`);
  }
  return `${String(number)}/${(match[2] ?? 'tcp').toLowerCase()}`;
}

/** The ports of a filter: `80`, `80/udp` or `8000-8010/tcp`. @throws SwarmError `invalid_argument`. */
export function portsIn(range: string): readonly string[] {
  const match = /^(\d{1,5})-(\d{1,5})((?:\/.*)?)$/.exec(range);
  if (match === null) {
    return [withProtocol(range)];
  }
  const [, first = '', last = '', protocol = ''] = match;
  if (Number(last) < Number(first) || Number(last) > 65_535) {
    throw new SwarmError('invalid_argument', `invalid port specification: "${range}"`);
  }
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) =>
    withProtocol(`${String(Number(first) + index)}${protocol}`),
  );
}
