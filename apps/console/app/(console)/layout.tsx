import { Suspense } from 'react';
import type { ReactNode } from 'react';

import { Boot } from '../../features/shell/boot.tsx';
import { Frame } from '../../features/shell/frame.tsx';

export default function ConsoleLayout({ children }: { readonly children: ReactNode }) {
  return (
    <Suspense fallback={<Boot />}>
      <Frame>
        <Suspense>{children}</Suspense>
      </Frame>
    </Suspense>
  );
}
