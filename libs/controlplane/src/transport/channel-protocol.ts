import type { ChannelPath, ChannelPeer } from './channel.ts';

/** What the Raft thread tells the main thread about connections. */
export type ChannelEvent =
  | {
      readonly op: 'open';
      readonly id: number;
      readonly path: string;
      readonly query: Readonly<Record<string, string>>;
      readonly peer: ChannelPeer | undefined;
      readonly remoteAddress: string;
    }
  | { readonly op: 'frame'; readonly id: number; readonly data: Uint8Array }
  /** So many bytes of earlier `send`s have reached the network. */
  | { readonly op: 'sent'; readonly id: number; readonly bytes: number }
  | { readonly op: 'closed'; readonly id: number; readonly code: number; readonly reason: string };

/** What the main thread tells the Raft thread about connections. */
export type ChannelCommand =
  | { readonly op: 'serve'; readonly path: ChannelPath }
  | { readonly op: 'send'; readonly id: number; readonly data: Uint8Array }
  /** So many bytes of earlier `frame`s were taken by the handler. */
  | { readonly op: 'consumed'; readonly id: number; readonly bytes: number }
  | { readonly op: 'close'; readonly id: number; readonly code: number; readonly reason: string };

/** Bytes in frames that may be on their way to the handler before the connection is no longer read. */
export const RECEIVE_WINDOW_BYTES = 1024 * 1024;
