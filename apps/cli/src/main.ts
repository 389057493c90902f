import pc from 'picocolors';

import { ERROR_FACES, errorMessage, isSwarmError } from '@skep/kernel';

import { createProgram } from './program.ts';

try {
  await createProgram().parseAsync();
} catch (error) {
  console.error(`${pc.red('error:')} ${errorMessage(error)}`);
  if (isSwarmError(error)) {
    for (const { path, message } of error.fields) {
      console.error(`  ${path}: ${message}`);
    }
  }
  process.exitCode = isSwarmError(error) ? ERROR_FACES[error.code].exitCode : 1;
}
