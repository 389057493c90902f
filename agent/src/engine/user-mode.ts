import { fail, ok, type Result } from '@skep/kernel';
import type { ContainerConfig } from './container-config.ts';

/** Refuses what cannot be had in a user namespace of the container's own, in words of Docker. */
export function checkUserMode(config: ContainerConfig, isRemapped: boolean): Result<void> {
  const mode = config.namespaces?.user ?? '';
  if (mode !== '' && mode !== 'host') {
    return fail('invalid_argument', `invalid USER mode: ${mode.slice(0, 60)}`);
  }
  if (!isRemapped || mode === 'host') {
    return ok(undefined);
  }
  if (config.security?.privileged === true) {
    return fail(
      'invalid_argument',
      'privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when ' +
        'running privileged mode',
    );
  }
  if (config.network?.mode === 'host') {
    return fail(
      'invalid_argument',
      "cannot share the host's network namespace when user namespaces are enabled",
    );
  }
  if (config.namespaces?.pid === 'host') {
    return fail('invalid_argument', 'cannot share the host PID namespace when user namespaces are enabled');
  }
  return ok(undefined);
}
