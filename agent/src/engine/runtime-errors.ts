import { SwarmError, isSwarmError } from '@skep/kernel';

const PREFIX =
  'failed to create task for container: OCI runtime create failed: unable to start container process: ';

/**
 * Turns the words of `crun` and `runc` into Docker's, by which the docker CLI chooses its own exit code
 * (127 not found, 126 not executable).
 */
export function translateRuntimeError(error: unknown, program: string): unknown {
  if (!isSwarmError(error, 'failed_precondition')) {
    return error;
  }
  const { message } = error;
  const missing =
    /executable file [`'"]?(.+?)[`'"]? not found/i.exec(message)?.[1] ??
    /exec: "(.+?)": (?:executable file not found|stat .*no such file)/.exec(message)?.[1];
  if (missing !== undefined) {
    return refused(`exec: ${JSON.stringify(missing)}: executable file not found in $PATH`, error);
  }
  // crun says of a directory that opening it is not permitted.
  if (/is a directory/i.test(message) || /open executable: operation not permitted/i.test(message)) {
    return refused(`exec: ${JSON.stringify(program)}: is a directory: permission denied`, error);
  }
  if (/permission denied/i.test(message) && /(open executable|exec)/i.test(message)) {
    return refused(`exec: ${JSON.stringify(program)}: permission denied`, error);
  }
  return error;
}

function refused(reason: string, cause: SwarmError): SwarmError {
  return new SwarmError('invalid_argument', PREFIX + reason, { cause });
}
