'use client';

import type { LogsSelect } from '@skep/contract';
import clsx from 'clsx';
import { ArrowDownToLine, CaseSensitive, Download, Regex, WrapText } from 'lucide-react';
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useFormatter, useTranslations } from 'use-intl';

import { NO_FILTER } from '../logs/matcher.ts';
import type { LogFilter } from '../logs/matcher.ts';
import type { LogLine } from '../logs/ring.ts';
import { useLogs } from '../logs/use-logs.ts';
import { isoTime, millisecondsOf } from '../logs/view.ts';
import { Ansi } from './ansi.tsx';
import { IconButton } from './button.tsx';
import { FilterBox } from './filter-box.tsx';
import { useKeys } from './keyboard.ts';
import { useIsPhone } from './media.ts';
import { seriesPattern, seriesStyle } from './series.tsx';
import { StateGlyph } from './state-glyph.tsx';

const ROW_PX = 20;
const OVERSCAN_ROWS = 30;
const WRAPPED_ROWS = 400;
const TAIL_LINES = 500;
const LEVELS = ['E', 'W', 'I', 'D'] as const;
type Level = (typeof LEVELS)[number];

const LEVEL_TEXT: Readonly<Record<Level, string>> = {
  E: 'text-bad font-bold',
  W: 'text-warn font-bold',
  I: 'text-muted',
  D: 'text-off',
};

interface LogViewerProps {
  readonly select: LogsSelect;
  /** For the name of the downloaded file. */
  readonly name: string;
  readonly emptyHint?: string;
}

/** `web.3`, or the node's name for a task of a global service. */
function shortName(service: string, slot: number, node: string): string {
  const base = service.slice(service.indexOf('_') + 1);
  return slot > 0 ? `${base}.${String(slot)}` : `${base}@${node}`;
}

/** Merged, labelled, filtered and followed logs (console.md 14). */
export function LogViewer(props: LogViewerProps) {
  return <Viewer key={JSON.stringify(props.select)} {...props} />;
}

function Viewer({ select, name, emptyHint }: LogViewerProps) {
  const t = useTranslations('logs');
  const logs = useLogs(select, TAIL_LINES);
  const isPhone = useIsPhone();
  const [filter, setFilter] = useState<LogFilter>({ ...NO_FILTER, isRegex: true });
  const [wrapChoice, setWrap] = useState<boolean>();
  const [isFollowing, setFollowing] = useState(true);
  const isWrapped = wrapChoice ?? isPhone;
  const names = useMemo(
    () => logs.tasks.map(([, , service, slot, node]) => shortName(service, slot, node)),
    [logs.tasks],
  );
  const change = (part: Partial<LogFilter>) => {
    const wanted = { ...filter, ...part };
    setFilter(wanted);
    logs.setFilter(wanted);
  };
  useKeys({ f: () => setFollowing(true), w: () => setWrap(!isWrapped) });
  const download = () => {
    void logs.toText(names).then((text) => {
      const link = document.createElement('a');
      link.href = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
      link.download = `${name}_${new Date().toISOString().slice(0, 16).replaceAll(':', '-')}Z.log`;
      link.click();
      URL.revokeObjectURL(link.href);
    });
  };
  return (
    <section className="flex min-h-0 flex-1 flex-col" aria-label={t('title')}>
      <div className="flex flex-wrap items-center gap-2 border-b border-line px-4 py-2 sm:px-6">
        <FilterBox
          value={filter.pattern}
          onChange={(pattern) => change({ pattern })}
          label={t('filter')}
          placeholder={filter.isRegex ? t('filterRegex') : t('filter')}
        />
        <Toggle
          label={t('regex')}
          isOn={filter.isRegex}
          onToggle={() => change({ isRegex: !filter.isRegex })}
        >
          <Regex size={14} />
        </Toggle>
        <Toggle
          label={t('case')}
          isOn={filter.isCaseSensitive}
          onToggle={() => change({ isCaseSensitive: !filter.isCaseSensitive })}
        >
          <CaseSensitive size={16} />
        </Toggle>
        <LevelToggles
          counts={logs.counts}
          hidden={filter.hiddenLevels}
          onChange={(hiddenLevels) => change({ hiddenLevels })}
        />
        <TaskToggles
          names={names}
          hidden={filter.hiddenTasks}
          onChange={(hiddenTasks) => change({ hiddenTasks })}
        />
        <span className="flex flex-1 items-center justify-end gap-1">
          <SocketState state={logs.socket} />
          <Toggle label={t('wrap')} isOn={isWrapped} onToggle={() => setWrap(!isWrapped)}>
            <WrapText size={14} />
          </Toggle>
          <Toggle label={t('follow')} isOn={isFollowing} onToggle={() => setFollowing(!isFollowing)}>
            <ArrowDownToLine size={14} />
          </Toggle>
          <IconButton label={t('download')} onClick={download}>
            <Download size={14} />
          </IconButton>
        </span>
      </div>
      <Notices logs={logs} names={names} />
      {logs.shown === 0 ? (
        <p className="px-4 py-8 text-muted sm:px-6">
          {logs.total > 0 ? t('noMatch', { total: logs.total }) : (emptyHint ?? t('empty'))}
        </p>
      ) : null}
      <Lines
        logs={logs}
        names={names}
        isWrapped={isWrapped}
        isFollowing={isFollowing}
        onFollow={setFollowing}
      />
    </section>
  );
}

interface ToggleProps {
  readonly label: string;
  readonly isOn: boolean;
  readonly onToggle: () => void;
  readonly children: React.ReactNode;
}

function Toggle({ label, isOn, onToggle, children }: ToggleProps) {
  return (
    <IconButton
      label={label}
      aria-pressed={isOn}
      onClick={onToggle}
      className={isOn ? 'border-accent! text-accent!' : ''}
    >
      {children}
    </IconButton>
  );
}

function SocketState({ state }: { readonly state: 'connecting' | 'open' | 'lost' | 'ended' }) {
  const t = useTranslations('logs');
  return (
    <span role="status" className="mr-1 inline-flex items-center gap-1.5 text-xs text-muted">
      <span
        aria-hidden="true"
        className={clsx(
          'size-2 rounded-full',
          state === 'open' ? 'bg-ok' : state === 'ended' ? 'bg-off' : 'bg-warn',
        )}
      />
      {t(`socket.${state}`)}
    </span>
  );
}

interface LevelTogglesProps {
  readonly counts: Readonly<Record<Level, number>>;
  readonly hidden: readonly string[];
  readonly onChange: (hidden: readonly string[]) => void;
}

function LevelToggles({ counts, hidden, onChange }: LevelTogglesProps) {
  const t = useTranslations('logs');
  const format = useFormatter();
  return (
    <div
      role="group"
      aria-label={t('levels')}
      className="flex gap-px overflow-hidden rounded-sm border border-line"
    >
      {LEVELS.map((level) => {
        const isShown = !hidden.includes(level);
        return (
          <button
            key={level}
            type="button"
            aria-pressed={isShown}
            onClick={() => {
              onChange(isShown ? [...hidden, level] : hidden.filter((each) => each !== level));
            }}
            className={clsx(
              'inline-flex h-7 min-w-7 items-center justify-center gap-1 px-1.5 text-xs figures hover:bg-raised focus-visible:outline-offset-[-2px]',
              !isShown && 'line-through opacity-60',
            )}
          >
            <span aria-hidden="true" className={clsx('mono', LEVEL_TEXT[level])}>
              {level}
            </span>
            <span className="sr-only">{t(`levelNames.${level}`)}</span>
            {level === 'E' || level === 'W' ? (
              <span className="text-muted">{format.number(counts[level], { notation: 'compact' })}</span>
            ) : null}
          </button>
        );
      })}
    </div>
  );
}

const CHIPS_MAX = 14;

interface TaskTogglesProps {
  readonly names: readonly string[];
  readonly hidden: readonly number[];
  readonly onChange: (hidden: readonly number[]) => void;
}

/** One chip per task in its colour; a press hides its lines, alt or a double press shows it alone. */
function TaskToggles({ names, hidden, onChange }: TaskTogglesProps) {
  const t = useTranslations('logs');
  if (names.length < 2) {
    return null;
  }
  const all = names.map((_, index) => index);
  return (
    <div role="group" aria-label={t('tasks')} className="flex max-w-full flex-wrap gap-1">
      {names.slice(0, CHIPS_MAX).map((name, index) => {
        const isShown = !hidden.includes(index);
        return (
          <button
            key={name}
            type="button"
            aria-pressed={isShown}
            style={{ ...seriesStyle(index), borderLeftStyle: seriesPattern(index) }}
            onClick={(event) => {
              if (event.altKey) {
                onChange(all.filter((each) => each !== index));
              } else {
                onChange(isShown ? [...hidden, index] : hidden.filter((each) => each !== index));
              }
            }}
            onDoubleClick={() => {
              onChange(all.filter((each) => each !== index));
            }}
            className={clsx(
              'series h-6 rounded-sm border-l-[3px] bg-raised px-1.5 font-mono text-xs',
              !isShown && 'line-through opacity-60',
            )}
          >
            {name}
          </button>
        );
      })}
      {names.length > CHIPS_MAX ? (
        <span className="text-xs text-muted">+{names.length - CHIPS_MAX}</span>
      ) : null}
      {hidden.length > 0 ? (
        <button type="button" className="rounded-sm px-1 text-xs underline" onClick={() => onChange([])}>
          {t('showAll')}
        </button>
      ) : null}
    </div>
  );
}

type LogsHandle = ReturnType<typeof useLogs>;

function Notices({ logs, names }: { readonly logs: LogsHandle; readonly names: readonly string[] }) {
  const t = useTranslations('logs');
  const dropped = logs.notes.reduce((sum, note) => sum + note.dropped, 0);
  const unreachable = logs.notes.filter((note) => note.state === 'unreachable');
  const lines = [
    logs.patternError === undefined ? undefined : t('badPattern', { error: logs.patternError }),
    logs.isPatternSlow ? t('slowPattern') : undefined,
    logs.refused?.message,
    dropped > 0 ? t('dropped', { count: dropped }) : undefined,
    ...unreachable.map((note) =>
      t('unreachable', { task: names[note.task] ?? '', message: note.message ?? '' }),
    ),
  ].filter((line) => line !== undefined);
  return lines.length === 0 ? null : (
    <ul className="border-b border-line bg-raised px-4 py-1.5 text-xs sm:px-6" role="status">
      {lines.map((line) => (
        <li key={line} className="flex items-center gap-2">
          <StateGlyph glyph="attention" family="warn" size={10} />
          {line}
        </li>
      ))}
    </ul>
  );
}

interface LinesProps {
  readonly logs: LogsHandle;
  readonly names: readonly string[];
  readonly isWrapped: boolean;
  readonly isFollowing: boolean;
  readonly onFollow: (isFollowing: boolean) => void;
}

/** Scroll position at which the last line shows, in px. */
function endOf(element: HTMLElement): number {
  return element.scrollHeight - element.clientHeight;
}

/** Whether the reader has scrolled up from where the end was. That lines came meanwhile is no leaving. */
function hasLeft(element: HTMLElement, stuckAtPx: number): boolean {
  return element.scrollTop < Math.min(stuckAtPx, endOf(element)) - ROW_PX;
}

/** Fixed rows of 20 px when lines do not wrap; else the last few hundred, measured by the browser. */
function Lines({ logs, names, isWrapped, isFollowing, onFollow }: LinesProps) {
  const t = useTranslations('logs');
  const box = useRef<HTMLDivElement>(null);
  const seenAt = useRef(0);
  const stuckAt = useRef(0);
  const [missed, setMissed] = useState(0);
  const { setWindow, shown, from, lines } = logs;

  const look = useCallback(() => {
    const element = box.current;
    if (element === null) {
      return;
    }
    if (isWrapped) {
      setWindow(Math.max(0, shown - WRAPPED_ROWS), shown + 50);
      return;
    }
    const first = Math.floor(element.scrollTop / ROW_PX);
    const count = Math.ceil(element.clientHeight / ROW_PX);
    setWindow(Math.max(0, first - OVERSCAN_ROWS), first + count + OVERSCAN_ROWS);
  }, [isWrapped, setWindow, shown]);

  /** Forgets where the end was, or who follows again would be taken for one who has just left. */
  const leave = useCallback(() => {
    seenAt.current = shown;
    stuckAt.current = 0;
    onFollow(false);
  }, [onFollow, shown]);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) {
      return;
    }
    const end = endOf(element);
    const isSelecting = (window.getSelection()?.toString() ?? '') !== '';
    // The scroll event comes a frame late: a reader who just left the end must not be pulled back to it.
    if (isFollowing && hasLeft(element, stuckAt.current)) {
      leave();
    } else if (isFollowing && !isSelecting) {
      element.scrollTop = end;
      stuckAt.current = element.scrollTop;
      seenAt.current = shown;
      // What was missed follows from the scroll position, which only the DOM knows.
      // eslint-disable-next-line react-hooks/set-state-in-effect
      setMissed(0);
    } else {
      setMissed(Math.max(0, shown - seenAt.current));
    }
    look();
  }, [shown, isFollowing, leave, look, lines.length]);

  useEffect(() => {
    window.addEventListener('resize', look);
    return () => {
      window.removeEventListener('resize', look);
    };
  }, [look]);

  return (
    <div className="relative min-h-0 flex-1">
      <div
        ref={box}
        role="log"
        aria-live="off"
        aria-label={t('lines')}
        tabIndex={0}
        onScroll={() => {
          const element = box.current;
          if (element !== null && isFollowing && hasLeft(element, stuckAt.current)) {
            leave();
          } else if (element !== null && !isFollowing && endOf(element) - element.scrollTop < ROW_PX * 2) {
            onFollow(true);
          }
          look();
        }}
        onKeyDown={(event) => {
          if (event.key === 'End') {
            onFollow(true);
          }
        }}
        className="absolute inset-0 overflow-auto bg-bg py-1 focus-visible:outline-offset-[-2px]"
      >
        {isWrapped ? (
          <div>
            {lines.map((line) => (
              <Row key={line.seq} line={line} name={names[line.task] ?? ''} isWrapped />
            ))}
          </div>
        ) : (
          <div className="relative min-w-full" style={{ height: shown * ROW_PX, width: 'max-content' }}>
            <div style={{ transform: `translateY(${String(from * ROW_PX)}px)` }}>
              {lines.map((line) => (
                <Row key={line.seq} line={line} name={names[line.task] ?? ''} isWrapped={false} />
              ))}
            </div>
          </div>
        )}
      </div>
      {!isFollowing && missed > 0 ? (
        <button
          type="button"
          onClick={() => {
            onFollow(true);
          }}
          className="absolute bottom-3 left-1/2 -translate-x-1/2 animate-rise rounded-full border border-control bg-raised px-3 py-1 text-xs shadow-float"
        >
          {t('newLines', { count: missed })}
        </button>
      ) : null}
    </div>
  );
}

interface RowProps {
  readonly line: LogLine;
  readonly name: string;
  readonly isWrapped: boolean;
}

function Row({ line, name, isWrapped }: RowProps) {
  const format = useFormatter();
  const ms = millisecondsOf(line.tsNs);
  const time = Number.isFinite(ms)
    ? `${format.dateTime(ms, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })}.${String(ms % 1000).padStart(3, '0')}`
    : '';
  return (
    <div
      className={clsx(
        'flex gap-2 px-4 font-mono text-xs leading-5 hover:bg-surface sm:px-6',
        isWrapped ? 'max-sm:flex-wrap max-sm:gap-y-0' : 'h-5 whitespace-pre',
        line.level === 'E' && 'bg-bad/10',
      )}
    >
      <time dateTime={isoTime(line.tsNs)} className="shrink-0 text-muted select-none">
        {time}
      </time>
      <span className={clsx('w-2 shrink-0', LEVEL_TEXT[line.level ?? 'I'])}>{line.level ?? ' '}</span>
      <span className="series shrink-0 truncate sm:w-24" style={seriesStyle(line.task)}>
        {name}
      </span>
      <span
        className={clsx(
          'min-w-0',
          isWrapped ? 'break-words whitespace-pre-wrap max-sm:basis-full' : 'whitespace-pre',
        )}
      >
        <Ansi text={line.text} />
      </span>
    </div>
  );
}
