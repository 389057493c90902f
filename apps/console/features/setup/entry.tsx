import type { ReactNode } from 'react';

import { Mark } from '../../ui/slot-bar.tsx';

/** The frame of the pages before sign-in. */
export function Entry({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <main className="flex min-h-dvh items-start justify-center px-4 pt-[14vh] pb-8">
      <div className="w-full max-w-sm">
        <div className="mb-6 flex items-center gap-3">
          <Mark size={32} />
          <span className="text-lg font-semibold tracking-[-0.01em]">Skep</span>
        </div>
        <h1 tabIndex={-1} className="mb-4 text-lg font-semibold tracking-[-0.01em]">
          {title}
        </h1>
        {children}
      </div>
    </main>
  );
}
