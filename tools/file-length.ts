/** One concept a file: what is longer has more than one. */
export const FILE_LINES_MAX = 500;

/** The files that have more lines than a file may have, as `path (lines)`. */
export function tooLong(files: readonly { readonly path: string; readonly text: string }[]): string[] {
  return files
    .map(({ path, text }) => ({ path, lines: text.split('\n').length }))
    .filter(({ lines }) => lines > FILE_LINES_MAX)
    .map(({ path, lines }) => `${path} (${String(lines)})`);
}
