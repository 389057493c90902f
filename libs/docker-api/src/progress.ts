/** One line of the JSON stream that pull, push and load answer with. */
export interface ProgressMessage {
  readonly status?: string;
  readonly id?: string;
  readonly progress?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly stream?: string;
  readonly aux?: unknown;
  readonly error?: string;
  readonly errorDetail?: { readonly code?: number; readonly message: string };
}

/** What a transfer tells of one of its parts. `id` is empty for a line about the whole. */
export interface TransferStep {
  readonly id: string;
  readonly status: string;
  readonly currentBytes?: number;
  readonly totalBytes?: number;
}

const BAR_WIDTH = 50;

/** The message for one step of a transfer; with byte counts it carries Docker's bar for terminals too. */
export function progressMessage(step: TransferStep): ProgressMessage {
  if (step.currentBytes === undefined) {
    return { status: step.status, progressDetail: {}, ...(step.id === '' ? {} : { id: step.id }) };
  }
  const total = step.totalBytes;
  return {
    status: step.status,
    progressDetail: { current: step.currentBytes, ...(total === undefined ? {} : { total }) },
    progress: progressBar(step.currentBytes, total),
    ...(step.id === '' ? {} : { id: step.id }),
  };
}

/** The message that ends a stream which failed after its headers were sent; `code` is that of a command which failed. */
export function errorMessageLine(message: string, code?: number): ProgressMessage {
  return { errorDetail: { ...(code === undefined ? {} : { code }), message }, error: message };
}

/** `[=====>    ]  1.2MB/4.5MB` */
export function progressBar(currentBytes: number, totalBytes: number | undefined): string {
  if (totalBytes === undefined || totalBytes <= 0) {
    return formatDecimalSize(currentBytes).padStart(8);
  }
  const share = Math.min(1, Math.max(0, currentBytes / totalBytes));
  const filled = Math.floor(share * BAR_WIDTH);
  const bar = '='.repeat(filled) + (filled < BAR_WIDTH ? `>${' '.repeat(BAR_WIDTH - filled - 1)}` : '>');
  return `[${bar}]  ${formatDecimalSize(currentBytes)}/${formatDecimalSize(totalBytes)}`;
}

/** Sizes as Docker's progress writes them: decimal units, four significant digits (`1.234MB`). */
export function formatDecimalSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${String(Number(value.toPrecision(4)))}${units[unit] ?? ''}`;
}
