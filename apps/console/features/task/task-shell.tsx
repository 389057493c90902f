'use client';

import { Play, SquareX } from 'lucide-react';
import { useCallback, useEffect, useRef, useState } from 'react';
import { useTranslations } from 'use-intl';

import type { TaskRow } from '../../live/rows.ts';
import { connectExec } from '../../terminal/browser-socket.ts';
import { ExecSession } from '../../terminal/exec-session.ts';
import type { ShellState } from '../../terminal/exec-session.ts';
import { TerminalView } from '../../terminal/terminal-view.tsx';
import type { TerminalHandle } from '../../terminal/terminal-view.tsx';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { TextInput } from '../../ui/field.tsx';
import { Banner } from '../../ui/screens.tsx';
import { FAMILY_TEXT, StateGlyph } from '../../ui/state-glyph.tsx';
import { KeyBar } from './key-bar.tsx';

interface TaskShellProps {
  readonly task: TaskRow;
  readonly name: string;
  /** Why no shell can be opened now. */
  readonly blocked: string | undefined;
}

const PHASES = {
  connecting: { glyph: 'starting', family: 'go' },
  open: { glyph: 'running', family: 'ok' },
  ended: { glyph: 'complete', family: 'off' },
  refused: { glyph: 'failed', family: 'bad' },
  lost: { glyph: 'unknown', family: 'warn' },
} as const;

/** A shell, or another command, inside a running task, wherever it runs. */
export function TaskShell({ task, name, blocked }: TaskShellProps) {
  const t = useTranslations('terminal');
  const terminal = useRef<TerminalHandle>(null);
  const session = useRef<ExecSession>(undefined);
  const again = useRef<HTMLButtonElement>(null);
  const [command, setCommand] = useState('');
  const [state, setState] = useState<ShellState>({ phase: 'connecting' });
  const [pasted, setPasted] = useState<string>();
  const start = useCallback(
    (words: readonly string[]) => {
      session.current?.close();
      const view = terminal.current;
      if (view === null) {
        return;
      }
      setState({ phase: 'connecting' });
      const current = new ExecSession({
        connect: (handlers) => connectExec(task.id, handlers),
        command: words,
        size: view.size(),
        show: (bytes, done) => {
          terminal.current?.write(bytes, done);
        },
        onState: (next) => {
          if (session.current === current) {
            setState(next);
          }
        },
      });
      session.current = current;
      view.focus();
    },
    [task.id],
  );
  useEffect(
    () => () => {
      session.current?.close();
      session.current = undefined;
    },
    [],
  );
  const restart = () => {
    terminal.current?.clear();
    start(command.trim() === '' ? [] : ['/bin/sh', '-c', command.trim()]);
  };
  const { glyph, family } = PHASES[state.phase];
  const isOver = state.phase !== 'open' && state.phase !== 'connecting';
  return (
    <section aria-label={t('title', { name })} className="flex min-h-0 flex-1 flex-col">
      <form
        className="flex flex-wrap items-center gap-2 border-b border-line px-4 py-2 sm:px-6"
        onSubmit={(event) => {
          event.preventDefault();
          if (blocked === undefined) {
            restart();
          }
        }}
      >
        <span role="status" className={`inline-flex items-center gap-1.5 font-medium ${FAMILY_TEXT[family]}`}>
          <StateGlyph glyph={glyph} family={family} />
          {t(`phase.${state.phase}`, {
            node: state.phase === 'open' ? state.node : '',
            code: state.phase === 'ended' ? state.code : 0,
          })}
        </span>
        <span className="flex-1" />
        <TextInput
          mono
          aria-label={t('command')}
          placeholder={t('commandHint')}
          className="max-w-72 max-sm:max-w-none"
          value={command}
          onChange={(event) => {
            setCommand(event.target.value);
          }}
        />
        <Button
          ref={again}
          type="submit"
          blocked={blocked}
          tone={isOver ? 'primary' : 'plain'}
          icon={<Play size={14} strokeWidth={1.75} />}
        >
          {t(isOver ? 'startAgain' : 'restart')}
        </Button>
        {isOver ? null : (
          <Button
            icon={<SquareX size={14} strokeWidth={1.75} />}
            onClick={() => {
              session.current?.close();
            }}
          >
            {t('end')}
          </Button>
        )}
      </form>
      {state.phase === 'refused' ? (
        <div className="px-4 pt-3 sm:px-6">
          <Banner tone="bad" role="alert">
            <p className="font-semibold break-words">{state.message}</p>
            <p className="text-muted">{t('refusedHint')}</p>
          </Banner>
        </div>
      ) : null}
      <TerminalView
        ref={terminal}
        label={t('input', { name })}
        onData={(text) => {
          session.current?.type(text);
        }}
        onResize={(cols, rows) => {
          session.current?.resize(cols, rows);
        }}
        onLeave={() => again.current?.focus()}
        onPasteLines={setPasted}
        onReady={() => {
          if (blocked === undefined) {
            start([]);
          }
        }}
      />
      <KeyBar
        onKey={(text) => {
          session.current?.type(text);
          terminal.current?.focus();
        }}
      />
      <p className="border-t border-line px-4 py-1.5 text-xs text-muted max-sm:hidden sm:px-6">{t('hint')}</p>
      {pasted === undefined ? null : (
        <PasteQuestion
          text={pasted}
          onPaste={() => terminal.current?.paste(pasted)}
          onClose={() => {
            setPasted(undefined);
          }}
        />
      )}
    </section>
  );
}

interface PasteQuestionProps {
  readonly text: string;
  readonly onPaste: () => void;
  readonly onClose: () => void;
}

/** Several lines, and a program that would run each as it arrives: shows them before they go. */
function PasteQuestion({ text, onPaste, onClose }: PasteQuestionProps) {
  const t = useTranslations('terminal');
  const c = useTranslations('common');
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={t('pasteTitle', { count: text.trimEnd().split(/\r?\n/).length })}
      description={t('pasteText')}
      footer={
        <>
          <Button onClick={onClose}>{c('cancel')}</Button>
          <Button
            tone="primary"
            onClick={() => {
              onPaste();
              onClose();
            }}
          >
            {t('paste')}
          </Button>
        </>
      }
    >
      <pre className="max-h-60 overflow-auto whitespace-pre-wrap">{text}</pre>
    </Dialog>
  );
}
