'use client';

import { Search, X } from 'lucide-react';
import { useEffect, useRef } from 'react';
import { useTranslations } from 'use-intl';

import { IconButton } from './button.tsx';
import { isTyping } from './keyboard.ts';
import { Kbd } from './kbd.tsx';

interface FilterBoxProps {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly label: string;
  readonly placeholder?: string;
}

/** Always visible; `/` goes to it, Escape empties it. */
export function FilterBox({ value, onChange, label, placeholder }: FilterBoxProps) {
  const t = useTranslations('common');
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === '/' && !isTyping(event)) {
        event.preventDefault();
        input.current?.focus();
      }
    };
    window.addEventListener('keydown', onKey);
    return () => {
      window.removeEventListener('keydown', onKey);
    };
  }, []);
  return (
    <div className="relative w-full sm:w-80">
      <Search
        size={14}
        aria-hidden="true"
        className="pointer-events-none absolute top-1/2 left-2 -translate-y-1/2 text-muted"
      />
      <input
        ref={input}
        type="text"
        role="searchbox"
        aria-label={label}
        placeholder={placeholder ?? label}
        value={value}
        spellCheck={false}
        autoComplete="off"
        data-control=""
        onChange={(event) => {
          onChange(event.target.value);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape') {
            onChange('');
          }
        }}
        className="h-7 w-full rounded-sm border border-control/70 bg-bg pr-8 pl-7 text-sm hover:border-control focus-visible:border-accent focus-visible:outline-offset-0 comfortable:h-8"
      />
      <span className="absolute top-1/2 right-1 -translate-y-1/2">
        {value === '' ? (
          <span className="pr-1 max-sm:hidden">
            <Kbd>/</Kbd>
          </span>
        ) : (
          <IconButton
            label={t('clearFilter')}
            className="size-5! min-h-0! min-w-0!"
            onClick={() => {
              onChange('');
              input.current?.focus();
            }}
          >
            <X size={12} />
          </IconButton>
        )}
      </span>
    </div>
  );
}
