/** Roles as certificates name them; see ca/authority.ts for the organisational units. */
export type PeerRole = 'manager' | 'worker';

/** Who is at the other end, as its certificate says (chain, role and cluster are verified already). */
export interface ChannelPeer {
  readonly nodeId: string;
  readonly role: PeerRole;
  readonly clusterId: string;
  readonly certificatePem: string;
}

/**
 * One WebSocket connection of the manager port, as frames of bytes. What the frames mean is the business of the path's
 * users (CBOR by convention). The same interface stands for a connection that was accepted in the Raft thread and for
 * one that was dialled from the main thread.
 */
export interface Channel {
  readonly id: number;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Undefined only on `/ca/join`, the one path that is open without a client certificate. */
  readonly peer: ChannelPeer | undefined;
  /** IP address of the other end. */
  readonly remoteAddress: string;
  readonly isOpen: boolean;
  /**
   * Queues one frame (at most {@link FRAME_BYTES_MAX}); the bytes belong to the channel from then on. False when more
   * than {@link HIGH_WATER_BYTES} wait: stop, and go on at {@link onDrain}. A sender that does not stop is cut off at
   * {@link QUEUE_BYTES_MAX}. On a closed channel nothing happens and the answer is false.
   */
  send(frame: Uint8Array): boolean;
  /** Called whenever the queue has become short again after {@link send} said false. */
  onDrain(callback: () => void): void;
  /** Called for each frame, in order. Frames that came before this was called are kept (and held back). */
  onFrame(callback: (frame: Uint8Array) => void): void;
  /** Stops {@link onFrame}; after a bounded amount the other end is held back too. */
  pause(): void;
  resume(): void;
  /** Closes with a WebSocket close code (default 1000) after what is queued was sent. */
  close(code?: number, reason?: string): void;
  /** Called once, when the connection is gone for whatever reason; at once when it is gone already. */
  onClose(callback: (code: number, reason: string) => void): void;
}

/** Connections to the manager port that are not Raft's own, by path: `/session`, `/channel`, `/ca/join`, `/ca/renew`. */
export interface ChannelServer {
  /** Sets the handler of a path. Connections to a path without one are refused with 404. */
  on(path: ChannelPath, handler: (channel: Channel) => void): void;
}

/** The paths that are handed to the main thread, and who may come there. */
export const CHANNEL_PATHS = {
  '/session': { roles: ['manager', 'worker'], isOpenToAll: false },
  '/channel': { roles: ['manager'], isOpenToAll: false },
  '/ca/join': { roles: ['manager', 'worker'], isOpenToAll: true },
  '/ca/renew': { roles: ['manager', 'worker'], isOpenToAll: false },
} as const satisfies Record<string, { readonly roles: readonly PeerRole[]; readonly isOpenToAll: boolean }>;

export type ChannelPath = keyof typeof CHANNEL_PATHS;

/** Largest frame of a channel. */
export const FRAME_BYTES_MAX = 16 * 1024 * 1024;
/** Queued bytes at which `send` asks for a pause. */
export const HIGH_WATER_BYTES = 1024 * 1024;
/** Queued bytes at which a channel whose sender does not pause is closed (code 1013). */
export const QUEUE_BYTES_MAX = 64 * 1024 * 1024;

/** WebSocket close codes in use (RFC 6455, section 7.4). */
export const CLOSE_NORMAL = 1000;
export const CLOSE_ABNORMAL = 1006;
export const CLOSE_POLICY = 1008;
export const CLOSE_OVERLOADED = 1013;
