'use client';

import clsx from 'clsx';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { Fragment, useMemo, useRef, useState } from 'react';
import type { KeyboardEvent, ReactNode } from 'react';
import { useTranslations } from 'use-intl';

import { useIsPhone } from './media.ts';
import { useQueryState } from './query-state.ts';
import { useRowWindow } from './row-window.ts';
import { useFrozenOrder } from './frozen-order.ts';

export interface Column<T> {
  readonly key: string;
  readonly header: string;
  readonly cell: (row: T) => ReactNode;
  readonly sort?: (row: T) => string | number;
  readonly align?: 'start' | 'end';
  /** A CSS width; columns without one share what is left. */
  readonly width?: string;
  /** Columns of less weight leave on narrow windows. */
  readonly hideBelow?: 'md' | 'lg' | 'xl';
}

interface DataTableProps<T> {
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly rowKey: (row: T) => string;
  readonly rowHref?: (row: T) => string;
  /** A second line across the row: why it is not well. */
  readonly note?: (row: T) => ReactNode;
  readonly verbs?: (row: T) => ReactNode;
  /** How the row looks on a phone. */
  readonly card: (row: T) => ReactNode;
  /** Single keys that act on the row with the focus. */
  readonly keys?: Readonly<Record<string, (row: T) => void>>;
  readonly initialSort?: string;
  readonly isDim?: (row: T) => boolean;
}

const HIDE = { md: 'max-md:hidden', lg: 'max-lg:hidden', xl: 'max-xl:hidden' } as const;
const ROW_PX = 32;
const NOTE_PX = 24;

function compare(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') {
    return a - b;
  }
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

function sortRows<T>(rows: readonly T[], columns: readonly Column<T>[], sort: string): readonly T[] {
  const isDescending = sort.startsWith('-');
  const column = columns.find((candidate) => candidate.key === sort.replace(/^-/, ''));
  const by = column?.sort;
  if (by === undefined) {
    return rows;
  }
  const sign = isDescending ? -1 : 1;
  return rows.toSorted((a, b) => sign * compare(by(a), by(b)));
}

/**
 * A dense table with the keyboard of console.md appendix C. Rows do not jump while the pointer or the focus is on
 * them; beyond 150 rows only those in view are in the document.
 */
export function DataTable<T>(props: DataTableProps<T>) {
  const { label, columns, rows, rowKey, card, initialSort = '' } = props;
  const [sort, setSort] = useQueryState('sort', initialSort);
  const isPhone = useIsPhone();
  const [isBusy, setBusy] = useState(false);
  const wanted = useMemo(() => sortRows(rows, columns, sort), [rows, columns, sort]);
  const { ordered, isStale, refresh } = useFrozenOrder(wanted, rowKey, { isFrozen: isBusy, scope: sort });
  const t = useTranslations('common');
  if (isPhone) {
    return (
      <ul aria-label={label} className="divide-y divide-line border-y border-line">
        {wanted.map((row) => (
          <li key={rowKey(row)} className="px-4 py-2.5">
            {card(row)}
          </li>
        ))}
      </ul>
    );
  }
  return (
    <div
      className="relative"
      onPointerEnter={() => {
        setBusy(true);
      }}
      onPointerLeave={() => {
        setBusy(false);
      }}
    >
      {isStale ? (
        <button
          type="button"
          onClick={refresh}
          className="absolute -top-3 right-6 z-10 rounded-full border border-control bg-raised px-3 py-1 text-xs shadow-float"
        >
          {t('resort')}
        </button>
      ) : null}
      <Grid {...props} rows={ordered} sort={sort} onSort={setSort} />
    </div>
  );
}

interface GridProps<T> extends DataTableProps<T> {
  readonly sort: string;
  readonly onSort: (sort: string) => void;
}

function Grid<T>(props: GridProps<T>) {
  const { label, columns, rows, rowKey, rowHref, note, verbs, keys, sort, onSort, isDim } = props;
  const router = useRouter();
  const t = useTranslations('common');
  const body = useRef<HTMLTableElement>(null);
  const [active, setActive] = useState<string>();
  const notes = useMemo(() => rows.map((row) => note?.(row) ?? null), [rows, note]);
  const heights = useMemo(() => notes.map((each) => (each === null ? ROW_PX : ROW_PX + NOTE_PX)), [notes]);
  const visible = useRowWindow(body, heights);
  const span = columns.length + (verbs === undefined ? 0 : 1);
  const firstKey = rows[0] === undefined ? undefined : rowKey(rows[0]);
  const activeKey = rows.some((row) => rowKey(row) === active) ? active : firstKey;

  const move = (event: KeyboardEvent<HTMLTableRowElement>, step: number) => {
    event.preventDefault();
    const following = (element: Element) =>
      step > 0 ? element.nextElementSibling : element.previousElementSibling;
    let next = following(event.currentTarget);
    while (next !== null && !(next instanceof HTMLElement && next.dataset['row'] !== undefined)) {
      next = following(next);
    }
    if (next instanceof HTMLElement) {
      next.focus();
      next.scrollIntoView({ block: 'nearest' });
    }
  };

  const onKey = (event: KeyboardEvent<HTMLTableRowElement>, row: T) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (event.key === 'j' || event.key === 'ArrowDown') {
      move(event, 1);
    } else if (event.key === 'k' || event.key === 'ArrowUp') {
      move(event, -1);
    } else if (event.key === 'Enter' && rowHref !== undefined) {
      router.push(rowHref(row));
    } else {
      const run = keys?.[event.key];
      if (run !== undefined) {
        event.preventDefault();
        event.stopPropagation();
        run(row);
      }
    }
  };

  return (
    <div className="overflow-x-auto border-y border-line bg-surface">
      <table
        ref={body}
        aria-label={label}
        aria-rowcount={rows.length + 1}
        className="w-full border-collapse text-left"
      >
        <thead className="text-xs text-muted">
          <tr className="h-8 border-b border-line">
            {columns.map((column) => (
              <HeaderCell key={column.key} column={column} sort={sort} onSort={onSort} />
            ))}
            {verbs === undefined ? null : (
              <th scope="col" className="w-px">
                <span className="sr-only">{t('actions')}</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {visible.before > 0 ? <tr aria-hidden="true" style={{ height: visible.before }} /> : null}
          {rows.slice(visible.from, visible.to).map((row, index) => {
            const key = rowKey(row);
            const line = notes[visible.from + index] ?? null;
            return (
              <Fragment key={key}>
                <tr
                  data-row={key}
                  aria-rowindex={visible.from + index + 2}
                  tabIndex={key === activeKey ? 0 : -1}
                  onFocus={() => {
                    setActive(key);
                  }}
                  onKeyDown={(event) => {
                    onKey(event, row);
                  }}
                  className={clsx(
                    'group h-8 hover:bg-raised/70 focus-visible:outline-offset-[-2px] comfortable:h-10',
                    line === null && 'border-b border-line/60 last:border-b-0',
                    isDim?.(row) === true && 'text-muted',
                  )}
                >
                  {columns.map((column, at) => (
                    <td
                      key={column.key}
                      className={clsx(
                        'px-2 py-0',
                        at === 0 && 'pl-4 sm:pl-6',
                        column.align === 'end' && 'text-right',
                        column.hideBelow !== undefined && HIDE[column.hideBelow],
                        column.width === undefined && 'max-w-0 truncate',
                      )}
                    >
                      {column.cell(row)}
                    </td>
                  ))}
                  {verbs === undefined ? null : (
                    <td className="py-0 pr-4 sm:pr-6">
                      <div className="flex items-center justify-end gap-0.5">{verbs(row)}</div>
                    </td>
                  )}
                </tr>
                {line === null ? null : (
                  <tr className="h-6 border-b border-line/60 align-top">
                    <td colSpan={span} className="px-4 pb-1.5 text-xs sm:px-6">
                      {line}
                    </td>
                  </tr>
                )}
              </Fragment>
            );
          })}
          {visible.after > 0 ? <tr aria-hidden="true" style={{ height: visible.after }} /> : null}
        </tbody>
      </table>
    </div>
  );
}

interface HeaderCellProps<T> {
  readonly column: Column<T>;
  readonly sort: string;
  readonly onSort: (sort: string) => void;
}

function HeaderCell<T>({ column, sort, onSort }: HeaderCellProps<T>) {
  const isUp = sort === column.key;
  const isDown = sort === `-${column.key}`;
  const classes = clsx(
    'px-2 font-medium whitespace-nowrap first:pl-4 sm:first:pl-6',
    column.align === 'end' && 'text-right',
    column.hideBelow !== undefined && HIDE[column.hideBelow],
  );
  if (column.sort === undefined) {
    return (
      <th scope="col" style={{ width: column.width }} className={classes}>
        {column.header}
      </th>
    );
  }
  return (
    <th
      scope="col"
      aria-sort={isUp ? 'ascending' : isDown ? 'descending' : 'none'}
      style={{ width: column.width }}
      className={classes}
    >
      <button
        type="button"
        className="inline-flex h-6 items-center gap-1 rounded-sm hover:text-text"
        onClick={() => {
          onSort(isUp ? `-${column.key}` : column.key);
        }}
      >
        {column.header}
        {isUp ? <ArrowUp size={12} aria-hidden="true" /> : null}
        {isDown ? <ArrowDown size={12} aria-hidden="true" /> : null}
      </button>
    </th>
  );
}

/** The bar above a table: filter left, count, actions right. */
export function Toolbar({ children }: { readonly children: ReactNode }) {
  return <div className="flex flex-wrap items-center gap-2 px-4 pb-3 sm:px-6">{children}</div>;
}
