import { isIP } from 'node:net';

/** An address without a port gets `port`. */
export function withPort(addr: string, port: number): string {
  if (isIP(addr) === 6) {
    return `[${addr}]:${String(port)}`;
  }
  return /:\d+$/.test(addr) ? addr : `${addr}:${String(port)}`;
}
