import { SwarmError } from '@skep/kernel';

/** Where a command goes: the socket of this host, or a manager over TLS. */
export type Target =
  | { readonly kind: 'socket'; readonly socketPath: string }
  | { readonly kind: 'tls'; readonly url: string; readonly token?: string; readonly caPem?: string };

export const DEFAULT_SOCKET = '/run/skep/skep.sock';

/**
 * Reads `unix:///path/to/skep.sock`, `https://manager:8377` or `http://127.0.0.1:8377`.
 * @throws SwarmError `invalid_argument` for anything else.
 */
export function parseHost(text: string): Target {
  if (text.startsWith('unix://')) {
    return { kind: 'socket', socketPath: text.slice('unix://'.length) };
  }
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new SwarmError(
      'invalid_argument',
      `--host "${text}" is no address; write unix:///run/skep/skep.sock or https://manager:8377`,
    );
  }
  const isLoopback = /^(127\.|localhost$|\[::1\]$)/.test(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback)) {
    throw new SwarmError(
      'invalid_argument',
      `--host "${text}": use https; plain http is accepted on loopback only`,
    );
  }
  return { kind: 'tls', url: url.origin };
}
