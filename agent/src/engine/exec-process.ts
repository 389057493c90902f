import { fail, ok, type Result } from '@skep/kernel';
import { ALL_CAPABILITIES } from './capabilities.ts';
import { mergeEnvironment } from './effective-config.ts';
import type { ExecConfig } from './exec-api.ts';
import { processUser } from './oci-spec.ts';
import { omitUndefined } from './omit-undefined.ts';
import type { OciProcess } from './oci-types.ts';
import { resolveUser, type UserDatabase } from './user-lookup.ts';

export interface ExecProcessInput {
  readonly config: ExecConfig;
  /** The container's own process, as its runtime configuration has it. */
  readonly container: OciProcess;
  readonly users: UserDatabase;
  readonly availableCapabilities: readonly string[];
  readonly consoleSize?: { readonly rows: number; readonly columns: number };
}

/** The process of an exec: the container's, with what the exec says laid over it. */
export function buildExecProcess(input: ExecProcessInput): Result<OciProcess> {
  const { config, container, consoleSize } = input;
  if (config.cmd.length === 0 || config.cmd[0] === '') {
    return fail('invalid_argument', 'No exec command specified');
  }
  const user = given(config.user) ? resolveUser(config.user, [], input.users) : undefined;
  if (user?.ok === false) {
    return user;
  }
  const terminal = config.tty ?? false;
  const isPrivileged = config.privileged ?? false;
  return ok(
    omitUndefined<OciProcess>({
      terminal,
      consoleSize:
        consoleSize === undefined ? undefined : { height: consoleSize.rows, width: consoleSize.columns },
      user: user === undefined ? container.user : processUser(user.value),
      args: config.cmd,
      env: execEnvironment(input, user?.value.home),
      cwd: given(config.workingDir) ? config.workingDir : container.cwd,
      capabilities: isPrivileged ? allCapabilities(input.availableCapabilities) : container.capabilities,
      rlimits: container.rlimits,
      noNewPrivileges: isPrivileged ? false : container.noNewPrivileges,
    }),
  );
}

function given(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

function execEnvironment(
  { config, container }: ExecProcessInput,
  home: string | undefined,
): readonly string[] {
  const needsTerm = config.tty === true && !container.env.some((entry) => entry.startsWith('TERM='));
  return mergeEnvironment(container.env, [
    ...(needsTerm ? ['TERM=xterm'] : []),
    ...(home === undefined ? [] : [`HOME=${home}`]),
    ...(config.env ?? []),
  ]);
}

function allCapabilities(available: readonly string[]): OciProcess['capabilities'] {
  const names = ALL_CAPABILITIES.filter((name) => available.includes(name));
  return { bounding: names, effective: names, permitted: names };
}
