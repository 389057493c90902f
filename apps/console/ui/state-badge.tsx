'use client';

import clsx from 'clsx';
import { useTranslations } from 'use-intl';

import type { ViewState } from '../live/state.ts';
import { FAMILY_TEXT, StateGlyph } from './state-glyph.tsx';

/** The word of a state in the reader's language. */
export function useStateLabel(): (state: ViewState) => string {
  const t = useTranslations('states');
  return (state) => t(state.label as 'task.running', state.params ?? {});
}

/** Glyph and word in the family colour on the plain ground. */
export function StateBadge({ state, className }: { readonly state: ViewState; readonly className?: string }) {
  const label = useStateLabel();
  return (
    <span
      className={clsx(
        'inline-flex items-center gap-1.5 font-medium whitespace-nowrap',
        FAMILY_TEXT[state.family],
        className,
      )}
    >
      <StateGlyph glyph={state.glyph} family={state.family} />
      {label(state)}
    </span>
  );
}
