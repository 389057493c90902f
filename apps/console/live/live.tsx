'use client';

import { createContext, useCallback, useContext, useMemo, useSyncExternalStore } from 'react';
import type { ReactNode } from 'react';

import type { Cluster, SummarisedService } from './attention.ts';
import type { Topic } from './protocol.ts';
import type { NodeRow, RowTypes, TaskRow } from './rows.ts';
import { summarise } from './state.ts';
import type { ServiceSummary } from './state.ts';
import type { LiveStore } from './store.ts';
import type { Connection, StreamClient } from './stream-client.ts';
import { useNow } from './clock.ts';

export interface Live {
  readonly store: LiveStore;
  readonly client: StreamClient;
}

const LiveContext = createContext<Live | undefined>(undefined);

export function LiveProvider({ live, children }: { readonly live: Live; readonly children: ReactNode }) {
  return <LiveContext value={live}>{children}</LiveContext>;
}

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (live === undefined) {
    throw new Error('useLive needs a LiveProvider above it');
  }
  return live;
}

export function useConnection(): Connection {
  const { client } = useLive();
  const subscribe = useCallback((listener: () => void) => client.subscribe(listener), [client]);
  return useSyncExternalStore(
    subscribe,
    () => client.connection,
    () => client.connection,
  );
}

function useKey<T>(key: string, read: (store: LiveStore) => T): T {
  const { store } = useLive();
  const subscribe = useCallback((listener: () => void) => store.subscribe(key, listener), [store, key]);
  return useSyncExternalStore(
    subscribe,
    () => read(store),
    () => read(store),
  );
}

/** Whether the first whole snapshot is here. */
export function useIsLoaded(): boolean {
  return useKey('rev', (store) => store.isLoaded);
}

export function useRow<T extends Topic>(topic: T, id: string | undefined): RowTypes[T] | undefined {
  const key = id === undefined ? 'none' : `${topic}/${id}`;
  return useKey(key, (store) => (id === undefined ? undefined : store.get(topic, id))) as
    RowTypes[T] | undefined;
}

export function useRows<T extends Topic>(topic: T): readonly RowTypes[T][] {
  return useKey(topic, (store) => store.list(topic)) as readonly unknown[] as readonly RowTypes[T][];
}

/** Names of the indexes the console's store keeps. */
export const INDEXES = [
  { name: 'tasksByService', topic: 'tasks', column: 'serviceId' },
  { name: 'tasksByNode', topic: 'tasks', column: 'nodeId' },
] as const;

export function useTasksOf(by: 'service' | 'node', id: string | undefined): readonly TaskRow[] {
  const name = by === 'service' ? 'tasksByService' : 'tasksByNode';
  return useKey(`index:${name}/${id ?? ''}`, (store) =>
    store.indexed(name, id ?? ''),
  ) as readonly unknown[] as readonly TaskRow[];
}

export function useNodeOf(): (id: string) => NodeRow | undefined {
  useRows('nodes');
  const { store } = useLive();
  return useCallback((id: string) => store.get('nodes', id) as unknown as NodeRow | undefined, [store]);
}

function lookup(nodes: readonly NodeRow[]): (id: string) => NodeRow | undefined {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  return (id) => byId.get(id);
}

export function useSummary(service: RowTypes['services'] | undefined): ServiceSummary | undefined {
  const tasks = useTasksOf('service', service?.id);
  const nodes = useRows('nodes');
  const nowMs = useNow(5_000);
  return useMemo(
    () => (service === undefined ? undefined : summarise(service, tasks, lookup(nodes), nowMs)),
    [service, tasks, nodes, nowMs],
  );
}

/** All services with what can be said of them. Recomputed when services, tasks or nodes change, and every 5 s. */
export function useSummaries(): readonly SummarisedService[] {
  const services = useRows('services');
  const tasks = useRows('tasks');
  const nodes = useRows('nodes');
  const nowMs = useNow(5_000);
  return useMemo(() => {
    const nodeOf = lookup(nodes);
    const byService = Map.groupBy(tasks, (task) => task.serviceId);
    return services.map((service) => ({
      service,
      summary: summarise(service, byService.get(service.id) ?? [], nodeOf, nowMs),
    }));
  }, [services, tasks, nodes, nowMs]);
}

export function useCluster(): Cluster {
  const nodes = useRows('nodes');
  const services = useSummaries();
  const { quorum } = useConnection();
  return useMemo(() => ({ nodes, services, quorum }), [nodes, services, quorum]);
}

const SETTLE_MAX_MS = 3_000;

/** Resolves when this tab shows the state at `rev`, so that a person sees their own change before the form goes. */
export function useSettled(): (rev: number) => Promise<void> {
  const { store } = useLive();
  return useCallback(
    (rev: number) =>
      new Promise<void>((resolve) => {
        if (store.rev >= rev) {
          resolve();
          return;
        }
        const finish = () => {
          clearTimeout(timer);
          unsubscribe();
          resolve();
        };
        const timer = setTimeout(finish, SETTLE_MAX_MS);
        const unsubscribe = store.subscribe('rev', () => {
          if (store.rev >= rev) {
            finish();
          }
        });
      }),
    [store],
  );
}

/** The revision on screen. */
export function useRev(): number {
  return useKey('rev', (store) => store.rev);
}
