import { WebSocket } from 'ws';

import { FRAME_BYTES_MAX } from '@skep/wire';

import type { NodeTls } from './identity-store.ts';
import { managerTlsOptions } from './manager-tls.ts';

const CONNECT_TIMEOUT_MS = 3_000;

/** A connection to a manager, as far as the session uses it. */
export interface ManagerSocket {
  readonly bufferedAmount: number;
  send(frame: Uint8Array): void;
  close(): void;
  terminate(): void;
  on(event: 'open' | 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'message', listener: (data: Buffer) => void): unknown;
}

/** Opens a connection; whether it comes about is told by its events. */
export type DialManager = (addr: string, tls: NodeTls) => ManagerSocket;

export const dialManager: DialManager = (addr, tls) =>
  new WebSocket(`wss://${addr}/session`, {
    ...managerTlsOptions(tls),
    handshakeTimeout: CONNECT_TIMEOUT_MS,
    maxPayload: FRAME_BYTES_MAX,
    perMessageDeflate: false,
  });
