/**
 * V8 lets the space for new objects grow to three times 16 MB, and a burst of containers makes it do so; nothing of it
 * is given back while little is allocated. With 2 MB the daemon is 30 MB smaller, and its collections are shorter.
 */
const FLAG = '--max-semi-space-size=2';

/**
 * For programs' `main`, before it loads anything: replaces this process (same pid, same arguments) by itself with a small heap for new objects,
 * which can be chosen only before V8 starts. Does nothing when somebody has chosen a size.
 */
export function limitNewSpace(): void {
  const chosen = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ');
  if (!/--max[-_]semi[-_]space[-_]size/.test(chosen)) {
    const program = [process.execPath, FLAG, ...process.execArgv, ...process.argv.slice(1)];
    process.execve?.(process.execPath, program, process.env);
  }
}
