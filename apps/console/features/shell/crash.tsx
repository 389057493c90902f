'use client';

import { useEffect } from 'react';
import { useTranslations } from 'use-intl';

import { Button } from '../../ui/button.tsx';
import { CopyButton } from '../../ui/copy.tsx';

const RELOADED_KEY = 'skep.reloaded';
const RELOAD_GUARD_MS = 60_000;

/** A page of another build may be missing its chunks: one reload, guarded, then this. */
export function Crash({ error, onRetry }: { readonly error: Error; readonly onRetry: () => void }) {
  const t = useTranslations('shell');
  useEffect(() => {
    const isChunk =
      error.name === 'ChunkLoadError' || /loading chunk|dynamically imported module/i.test(error.message);
    const last = Number(sessionStorage.getItem(RELOADED_KEY) ?? '0');
    if (isChunk && Date.now() - last > RELOAD_GUARD_MS) {
      sessionStorage.setItem(RELOADED_KEY, String(Date.now()));
      window.location.reload();
    }
  }, [error]);
  return (
    <main className="flex min-h-dvh items-center justify-center p-6">
      <div role="alert" className="max-w-lg space-y-3">
        <h1 className="text-lg font-semibold">{t('crashed')}</h1>
        <p className="text-muted">{t('crashedText')}</p>
        <pre
          className="max-h-40 overflow-auto rounded-sm border border-line bg-surface p-3 whitespace-pre-wrap"
          tabIndex={0}
        >
          {error.message}
        </pre>
        <div className="flex gap-2">
          <Button tone="primary" onClick={onRetry}>
            {t('tryNow')}
          </Button>
          <CopyButton text={`${error.message}\n${error.stack ?? ''}`} />
        </div>
      </div>
    </main>
  );
}
