'use client';

import { Search } from 'lucide-react';
import { lazy, Suspense, useEffect, useState } from 'react';
import { useTranslations } from 'use-intl';

import { Kbd } from '../../ui/kbd.tsx';

const loadPalette = () => import('./palette.tsx').then((module) => ({ default: module.Palette }));
const Palette = lazy(loadPalette);

/** "Search or run…", by pointer or by Control or Command with K. Its chunk comes when it is first pointed at. */
export function PaletteButton() {
  const t = useTranslations('palette');
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent) => {
      if (event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey) && !event.altKey) {
        event.preventDefault();
        setOpen(true);
      }
    };
    window.addEventListener('keydown', onKey);
    return () => {
      window.removeEventListener('keydown', onKey);
    };
  }, []);
  return (
    <>
      <button
        type="button"
        data-control=""
        onPointerEnter={() => void loadPalette()}
        onFocus={() => void loadPalette()}
        onClick={() => {
          setOpen(true);
        }}
        className="flex h-7 items-center justify-center gap-2 rounded-sm border border-line bg-bg px-2 text-muted hover:border-control hover:text-text sm:w-56"
      >
        <Search size={14} aria-hidden="true" />
        <span className="text-left max-sm:sr-only sm:flex-1">{t('title')}</span>
        <span aria-hidden="true" className="max-sm:hidden">
          <Kbd>Ctrl K</Kbd>
        </span>
      </button>
      {isOpen ? (
        <Suspense>
          <Palette
            onClose={() => {
              setOpen(false);
            }}
          />
        </Suspense>
      ) : null}
    </>
  );
}
