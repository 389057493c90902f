import type { RecordedOperation } from './register-client.ts';

/**
 * Makes the history of one register small enough to be searched, without making a wrong one right. Every value is
 * written once, so a write without an answer has an end after all when somebody read its value: that read's. One that
 * nobody ever saw is left out; it can only have shown itself by conflicts, so those are left out with it.
 */
export function settle(history: readonly RecordedOperation[]): RecordedOperation[] {
  const firstSeenMs = new Map<string, number>();
  for (const { output, returnMs } of history) {
    if (output.kind === 'value') {
      firstSeenMs.set(output.value, Math.min(returnMs, firstSeenMs.get(output.value) ?? Infinity));
    }
  }
  const isUnseen = ({ input, output }: RecordedOperation): boolean =>
    output.kind === 'unknown' && input.op !== 'read' && !firstSeenMs.has(input.value);
  const hasUnseen = history.some(isUnseen);
  return history
    .filter((item) => !isUnseen(item) && !(hasUnseen && item.output.kind === 'conflict'))
    .map((item) =>
      item.output.kind === 'unknown' && item.input.op !== 'read'
        ? { ...item, returnMs: firstSeenMs.get(item.input.value) ?? item.returnMs }
        : item,
    );
}
