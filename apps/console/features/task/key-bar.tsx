'use client';

import { useState } from 'react';
import { useTranslations } from 'use-intl';

import { useIsPhone } from '../../ui/media.ts';

const ESCAPE = '\u001b';

const KEYS = [
  { label: 'Esc', text: ESCAPE },
  { label: 'Tab', text: '\t' },
  { label: '↑', text: `${ESCAPE}[A` },
  { label: '↓', text: `${ESCAPE}[B` },
  { label: '←', text: `${ESCAPE}[D` },
  { label: '→', text: `${ESCAPE}[C` },
  { label: '|', text: '|' },
  { label: '/', text: '/' },
  { label: '-', text: '-' },
] as const;

/** The keys that a phone's keyboard lacks. `Ctrl` holds for the next letter. */
export function KeyBar({ onKey }: { readonly onKey: (text: string) => void }) {
  const t = useTranslations('terminal');
  const isPhone = useIsPhone();
  const [isOpen, setOpen] = useState(false);
  if (!isPhone) {
    return null;
  }
  const button =
    'inline-flex h-10 min-w-8.5 shrink-0 items-center justify-center rounded-sm border border-control/70 bg-surface px-2 font-mono';
  return (
    <div
      role="toolbar"
      aria-label={t('keys')}
      className="no-scrollbar flex gap-1 overflow-x-auto border-t border-line px-2 py-2"
    >
      <button
        type="button"
        aria-expanded={isOpen}
        className={button}
        onClick={() => {
          setOpen(!isOpen);
        }}
      >
        Ctrl
      </button>
      {isOpen
        ? ['C', 'D', 'L', 'R', 'U', 'W', 'Z'].map((letter) => (
            <button
              key={letter}
              type="button"
              aria-label={`Ctrl ${letter}`}
              className={button}
              onClick={() => {
                onKey(String.fromCharCode(letter.charCodeAt(0) - 64));
                setOpen(false);
              }}
            >
              ^{letter}
            </button>
          ))
        : KEYS.map(({ label, text }) => (
            <button
              key={label}
              type="button"
              className={button}
              onClick={() => {
                onKey(text);
              }}
            >
              {label}
            </button>
          ))}
    </div>
  );
}
