import { formatDurationMs } from '@skep/kernel';

/** Rows for people: columns as wide as their widest cell, two blanks between them. */
export function renderTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(column === row.length - 1 ? 0 : (widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** "3 minutes ago" in the short form of tables: `3m ago`. */
export function ago(timeMs: number | undefined, nowMs: number): string {
  return timeMs === undefined
    ? ''
    : nowMs - timeMs < 1000
      ? 'now'
      : `${formatDurationMs(nowMs - timeMs)} ago`;
}

/** The part of an id that people are shown. */
export function shortId(id: string): string {
  return id.slice(0, 12);
}

export interface ListOptions {
  readonly format?: string;
  readonly quiet?: boolean;
}

export interface Listing<T> {
  readonly items: readonly T[];
  readonly header: readonly string[];
  readonly row: (item: T) => readonly string[];
  /** What --quiet prints. */
  readonly id: (item: T) => string;
}

/** Prints a list the way the flags ask for: table, one id a line, or JSON. */
export function printList<T>({ items, header, row, id }: Listing<T>, { format, quiet }: ListOptions): void {
  if (format === 'json') {
    printJson(items);
  } else if (quiet === true) {
    for (const item of items) {
      console.log(id(item));
    }
  } else {
    console.log(renderTable(header, items.map(row)));
  }
}

export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}
