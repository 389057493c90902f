'use client';

import { createContext, lazy, Suspense, useContext, useMemo, useState } from 'react';
import type { ReactNode } from 'react';

import type { ServiceRow } from '../../live/rows.ts';

const ServiceDialog = lazy(() =>
  import('./service-dialogs.tsx').then((module) => ({ default: module.ServiceDialog })),
);

export type ServiceVerb = 'scale' | 'image' | 'restart' | 'rollback' | 'remove';

interface Wanted {
  readonly verb: ServiceVerb;
  readonly service: ServiceRow;
}

const AskContext = createContext<(verb: ServiceVerb, service: ServiceRow) => void>(() => undefined);

/** Opens the dialog of a verb for a service; the same from the list, the detail and the keyboard. */
export function useServiceVerb(): (verb: ServiceVerb, service: ServiceRow) => void {
  return useContext(AskContext);
}

export function ServiceActions({ children }: { readonly children: ReactNode }) {
  const [wanted, setWanted] = useState<Wanted>();
  const ask = useMemo(
    () => (verb: ServiceVerb, service: ServiceRow) => {
      setWanted({ verb, service });
    },
    [],
  );
  return (
    <AskContext value={ask}>
      {children}
      {wanted === undefined ? null : (
        <Suspense>
          <ServiceDialog
            {...wanted}
            onClose={() => {
              setWanted(undefined);
            }}
          />
        </Suspense>
      )}
    </AskContext>
  );
}
