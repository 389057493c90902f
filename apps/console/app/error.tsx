'use client';

import { Crash } from '../features/shell/crash.tsx';

export default function ErrorPage({ error, reset }: { readonly error: Error; readonly reset: () => void }) {
  return <Crash error={error} onRetry={reset} />;
}
