import { SwarmError } from '@skep/kernel';
import { expect, test } from 'vitest';

import { answerForError } from './error-body.ts';

test.each([
  [new SwarmError('not_found', 'No such container: x'), 404],
  [new SwarmError('name_conflict', 'taken'), 409],
  [new SwarmError('version_conflict', 'update out of sequence'), 500],
  [new SwarmError('not_manager', 'no'), 503],
  [new SwarmError('unimplemented', 'no'), 501],
  [new SwarmError('failed_precondition', 'no', { details: { dockerStatus: 409 } }), 409],
  [new SwarmError('failed_precondition', 'no', { details: { dockerStatus: 42 } }), 400],
  [new Error('bug'), 500],
])('%s answers %d', (error, status) => {
  expect(answerForError(error)).toEqual({ status, body: { message: error.message } });
});
