'use client';

import { useEffect, useRef } from 'react';

import { preferences } from './preferences.ts';

/** Whether a key press belongs to a text field, an editor or an open dialog, and so must not be taken as a command. */
export function isTyping(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) {
    return true;
  }
  const { target } = event;
  if (!(target instanceof HTMLElement)) {
    return false;
  }
  return (
    target.isContentEditable ||
    target.matches('input:not([type=checkbox]):not([type=radio]), textarea, select') ||
    target.closest('[role=dialog], [role=menu]') !== null
  );
}

const SEQUENCE_MS = 900;

/**
 * Single keys and two-key sequences such as `g s`. They are off inside text and when the person turned them off in
 * their settings (WCAG 2.1.4).
 */
export function useKeys(bindings: Readonly<Record<string, () => void>>): void {
  const current = useRef(bindings);
  useEffect(() => {
    current.current = bindings;
  });
  useEffect(() => {
    let first = '';
    let firstAtMs = 0;
    const onKey = (event: KeyboardEvent) => {
      if (!preferences().singleKeys || isTyping(event)) {
        return;
      }
      const isSequence = first !== '' && event.timeStamp - firstAtMs < SEQUENCE_MS;
      const key = isSequence ? `${first} ${event.key}` : event.key;
      const run = current.current[key];
      first = event.key === 'g' && !isSequence ? 'g' : '';
      firstAtMs = event.timeStamp;
      if (run !== undefined) {
        event.preventDefault();
        run();
      }
    };
    window.addEventListener('keydown', onKey);
    return () => {
      window.removeEventListener('keydown', onKey);
    };
  }, []);
}
