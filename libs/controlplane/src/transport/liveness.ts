import type { WebSocket } from 'ws';

/** A ping is sent this often; any frame from the other end counts as a sign of life. */
export const PING_INTERVAL_MS = 2_000;
/** A connection is given up after this long without one. */
export const DEAD_AFTER_MS = 8_000;

/**
 * Ends connections over dead networks: TCP alone would keep them for many minutes. `isHeldBack` tells that this side
 * has paused reading, when silence proves nothing.
 */
export function watchLiveness(
  socket: WebSocket,
  options: { readonly pingMs?: number; readonly deadMs?: number; readonly isHeldBack?: () => boolean } = {},
): void {
  const { pingMs = PING_INTERVAL_MS, deadMs = DEAD_AFTER_MS, isHeldBack } = options;
  let silentMs = 0;
  const alive = (): void => {
    silentMs = 0;
  };
  socket.on('message', alive);
  socket.on('ping', alive);
  socket.on('pong', alive);
  const timer = setInterval(() => {
    if (isHeldBack?.() === true) {
      silentMs = 0;
      return;
    }
    silentMs += pingMs;
    if (silentMs >= deadMs) {
      socket.terminate();
    } else if (socket.readyState === socket.OPEN) {
      socket.ping();
    }
  }, pingMs);
  timer.unref();
  socket.once('close', () => {
    clearInterval(timer);
  });
}
