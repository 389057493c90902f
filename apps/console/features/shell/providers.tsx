'use client';

import { useEffect, useState } from 'react';
import type { ReactNode } from 'react';

import { Localised } from '../../i18n/provider.tsx';
import { setClockSkew } from '../../live/clock.ts';
import { INDEXES, LiveProvider } from '../../live/live.tsx';
import type { Live } from '../../live/live.tsx';
import { LiveStore } from '../../live/store.ts';
import { StreamClient } from '../../live/stream-client.ts';
import type { Socket, SocketHandlers } from '../../live/stream-client.ts';
import { TooltipScope } from '../../ui/tooltip.tsx';
import { paintPreferences, preferences, resolveLocale } from '../../ui/preferences.ts';
import { Boot } from './boot.tsx';

const HIDDEN_COMMIT_MS = 1_000;
const IDLE_AFTER_MS = 5 * 60_000;

/** Once per frame while seen; once a second while hidden, when frames do not come. */
function scheduleCommit(commit: () => void): void {
  if (document.hidden) {
    setTimeout(commit, HIDDEN_COMMIT_MS);
  } else {
    requestAnimationFrame(commit);
  }
}

function socketAddress(path: string): string {
  const url = new URL(path, window.location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

/** A browser's socket whose handlers fall silent once it is closed from this side. */
function openSocket(subprotocol: string, handlers: SocketHandlers): Socket {
  const socket = new WebSocket(socketAddress('/api/v1/stream'), subprotocol);
  let isDropped = false;
  socket.addEventListener('open', () => {
    if (!isDropped) {
      handlers.onOpen();
    }
  });
  socket.addEventListener('message', (event: MessageEvent<unknown>) => {
    if (!isDropped && typeof event.data === 'string') {
      handlers.onText(event.data);
    }
  });
  socket.addEventListener('close', () => {
    if (!isDropped) {
      isDropped = true;
      handlers.onClose();
    }
  });
  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) {
        socket.send(text);
      }
    },
    close: () => {
      isDropped = true;
      socket.close();
    },
  };
}

function createLive(): Live {
  const store = new LiveStore({ indexes: INDEXES, schedule: scheduleCommit });
  const client = new StreamClient({
    store,
    build: process.env['CONSOLE_BUILD'] ?? 'dev',
    locale: () => resolveLocale(preferences().locale, navigator.languages),
    environment: {
      connect: openSocket,
      now: () => Date.now(),
      random: () => Math.random(),
      setTimer: (run, delayMs) => window.setTimeout(run, delayMs),
      clearTimer: (timer) => {
        window.clearTimeout(timer);
      },
    },
  });
  return { store, client };
}

/** Reconnects when the network or the reader returns, and saves the managers' work while nobody looks. */
function useTabAttention({ client }: Live): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const onVisibility = () => {
      clearTimeout(timer);
      if (document.hidden) {
        timer = setTimeout(() => {
          client.setIdle(true);
        }, IDLE_AFTER_MS);
      } else {
        client.setIdle(false);
      }
    };
    const onOnline = () => {
      client.wake();
    };
    document.addEventListener('visibilitychange', onVisibility);
    window.addEventListener('online', onOnline);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisibility);
      window.removeEventListener('online', onOnline);
    };
  }, [client]);
}

/** Everything that lives as long as the tab: the store, the socket, the language. */
export function Providers({ children }: { readonly children: ReactNode }) {
  const [live] = useState(createLive);
  useTabAttention(live);
  useEffect(() => {
    paintPreferences();
    return live.client.subscribe(() => {
      setClockSkew(live.client.connection.skewMs);
    });
  }, [live]);
  return (
    <LiveProvider live={live}>
      <Localised fallback={<Boot />}>
        <TooltipScope>{children}</TooltipScope>
      </Localised>
    </LiveProvider>
  );
}
