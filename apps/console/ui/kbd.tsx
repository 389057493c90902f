import type { ReactNode } from 'react';

export function Kbd({ children }: { readonly children: ReactNode }) {
  return (
    <kbd className="rounded-sm border border-line bg-raised px-1 font-mono text-2xs leading-4 text-muted">
      {children}
    </kbd>
  );
}
