import { describe, expect, test } from 'vitest';
import { executableFault, type FoundFile } from './executable-lookup.ts';

const FILES: Readonly<Record<string, FoundFile>> = {
  '/': { isDirectory: true, mode: 0o755 },
  '/etc': { isDirectory: true, mode: 0o755 },
  '/bin/sh': { isDirectory: false, mode: 0o755 },
  '/etc/passwd': { isDirectory: false, mode: 0o644 },
  '/opt': { isDirectory: true, mode: 0o755 },
  '/opt/tool': { isDirectory: false, mode: 0o700 },
};

function faultOf(args: readonly string[], cwd = '/', env: readonly string[] = []): string | undefined {
  return executableFault({ args, cwd, env, find: (path) => FILES[path] })?.message;
}

describe('whether a command can be run in a container', () => {
  test('what is there and may be executed passes', () => {
    expect(faultOf(['sh'])).toBeUndefined();
    expect(faultOf(['/bin/sh'])).toBeUndefined();
    expect(faultOf(['./tool'], '/opt')).toBeUndefined();
    expect(faultOf(['tool'], '/', ['PATH=/bin', 'PATH=/opt'])).toBeUndefined();
    expect(faultOf(['tool'], '/opt', ['PATH=.'])).toBeUndefined();
  });

  test.each<[string[], string, string]>([
    [['nosuch'], '/', 'exec: "nosuch": executable file not found in $PATH'],
    [['tool'], '/', 'exec: "tool": executable file not found in $PATH'],
    [['/nosuch'], '/', 'exec: "/nosuch": stat /nosuch: no such file or directory'],
    [['/etc'], '/', 'exec: "/etc": is a directory: permission denied'],
    [['/etc/passwd'], '/', 'exec: "/etc/passwd": permission denied'],
    [['sh'], '/nosuch', 'chdir to cwd ("/nosuch") set in config.json failed: no such file or directory'],
    [['sh'], '/etc/passwd', 'chdir to cwd ("/etc/passwd") set in config.json failed: not a directory'],
    [['sh'], 'relative', 'Cwd must be an absolute path'],
  ])('%j in %s is refused', (args, cwd, reason) => {
    expect(faultOf(args, cwd)).toBe(
      `OCI runtime exec failed: exec failed: unable to start container process: ${reason}`,
    );
  });
});
