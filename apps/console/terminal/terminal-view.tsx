'use client';

import '@xterm/xterm/css/xterm.css';

import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import { useEffect, useImperativeHandle, useRef } from 'react';
import type { Ref } from 'react';

import { terminalTheme } from './theme.ts';

const SCROLLBACK_LINES = 10_000;

export interface TerminalHandle {
  readonly write: (bytes: Uint8Array, done: () => void) => void;
  readonly size: () => { readonly cols: number; readonly rows: number };
  readonly clear: () => void;
  readonly focus: () => void;
  /** Types a text, as from the keyboard. */
  readonly paste: (text: string) => void;
}

interface TerminalViewProps {
  readonly label: string;
  readonly ref: Ref<TerminalHandle>;
  readonly onData: (text: string) => void;
  readonly onResize: (cols: number, rows: number) => void;
  /** The person wants the focus out of the terminal (Ctrl Shift Escape). */
  readonly onLeave: () => void;
  /** Several lines were pasted into a program that would run each at once. */
  readonly onPasteLines: (text: string) => void;
  readonly onReady: () => void;
}

/** A terminal in the console's colours. It knows nothing of what runs in it. */
export function TerminalView({ label, ref, ...handlers }: TerminalViewProps) {
  const host = useRef<HTMLDivElement>(null);
  const terminal = useRef<Terminal>(undefined);
  const latest = useRef(handlers);
  useEffect(() => {
    latest.current = handlers;
  });
  useImperativeHandle(
    ref,
    () => ({
      write: (bytes, done) => {
        terminal.current?.write(bytes, done);
      },
      size: () => ({ cols: terminal.current?.cols ?? 80, rows: terminal.current?.rows ?? 24 }),
      clear: () => {
        terminal.current?.reset();
      },
      focus: () => {
        terminal.current?.focus();
      },
      paste: (text) => {
        terminal.current?.paste(text);
      },
    }),
    [],
  );
  useEffect(() => {
    const element = host.current;
    if (element === null) {
      return undefined;
    }
    const view = openTerminal(element, label);
    terminal.current = view;
    view.onData((text) => {
      latest.current.onData(text);
    });
    view.onResize(({ cols, rows }) => {
      latest.current.onResize(cols, rows);
    });
    view.attachCustomKeyEventHandler((event) => {
      if (event.key === 'Escape' && event.ctrlKey && event.shiftKey) {
        latest.current.onLeave();
        return false;
      }
      if (event.key.toLowerCase() === 'c' && event.ctrlKey && event.shiftKey && view.hasSelection()) {
        void navigator.clipboard.writeText(view.getSelection());
        return false;
      }
      return true;
    });
    const onPaste = (event: ClipboardEvent) => {
      const text = event.clipboardData?.getData('text/plain') ?? '';
      if (/[\r\n]./s.test(text) && !view.modes.bracketedPasteMode) {
        event.preventDefault();
        event.stopPropagation();
        latest.current.onPasteLines(text);
      }
    };
    element.addEventListener('paste', onPaste, { capture: true });
    latest.current.onReady();
    return () => {
      element.removeEventListener('paste', onPaste, { capture: true });
      terminal.current = undefined;
      view.dispose();
    };
  }, [label]);
  return (
    <div
      ref={host}
      data-terminal=""
      className="min-h-0 flex-1 overflow-hidden bg-bg px-4 py-2 sm:px-6 [&_.xterm]:h-full"
      // What is typed here belongs to the program, not to the console's single keys.
      onKeyDown={(event) => {
        event.stopPropagation();
      }}
    />
  );
}

/** Opens a terminal that follows the size of its element and the theme of the page until it is disposed. */
function openTerminal(element: HTMLElement, label: string): Terminal {
  const view = new Terminal({
    fontFamily: getComputedStyle(element).getPropertyValue('--font-mono'),
    fontSize: 13,
    lineHeight: 1.25,
    cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
    scrollback: SCROLLBACK_LINES,
    minimumContrastRatio: 4.5,
    theme: terminalTheme(),
  });
  const fit = new FitAddon();
  view.loadAddon(fit);
  view.open(element);
  view.textarea?.setAttribute('aria-label', label);
  fit.fit();
  const sizes = new ResizeObserver(() => {
    fit.fit();
  });
  sizes.observe(element);
  const themes = new MutationObserver(() => {
    view.options.theme = terminalTheme();
  });
  themes.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  view.loadAddon({
    activate: () => undefined,
    dispose: () => {
      sizes.disconnect();
      themes.disconnect();
    },
  });
  return view;
}
