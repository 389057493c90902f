import { z } from 'zod';

import { TaskState } from '@skep/model';

import { endpoint } from '../endpoint.ts';
import { LogsPage } from '../logs.ts';
import { QueryFlag, QueryList, Ref, listShape, page, queryInt } from '../query.ts';
import { TaskView } from '../views.ts';

export const taskEndpoints = {
  listTasks: endpoint({
    method: 'GET',
    path: '/tasks',
    tag: 'tasks',
    summary: 'Tasks, newest first in each slot, with those that ended as far as they are kept',
    access: 'task.read',
    query: z.strictObject({
      ...listShape,
      /** Ids or names of services. */
      service: QueryList.optional(),
      /** Ids or names of nodes; `self` is the node that answers. */
      node: QueryList.optional(),
      stack: z.string().max(63).optional(),
      slot: queryInt(0, 1_000_000).optional(),
      state: z
        .union([TaskState, z.array(TaskState)])
        .transform((value) => (typeof value === 'string' ? [value] : value))
        .optional(),
      desiredState: z
        .union([TaskState, z.array(TaskState)])
        .transform((value) => (typeof value === 'string' ? [value] : value))
        .optional(),
      /** Only tasks made from the service's present spec. */
      upToDate: QueryFlag.optional(),
    }),
    response: page(TaskView),
  }),
  getTask: endpoint({
    method: 'GET',
    path: '/tasks/:task',
    tag: 'tasks',
    summary: 'One task',
    access: 'task.read',
    params: z.strictObject({ task: Ref }),
    response: TaskView,
  }),
  getLogs: endpoint({
    method: 'GET',
    path: '/logs',
    tag: 'logs',
    summary:
      'Last lines of the tasks of services, stacks or nodes, merged by time (to follow: the socket /logs/stream)',
    access: 'task.logs',
    query: z.strictObject({
      service: QueryList.optional(),
      stack: QueryList.optional(),
      task: QueryList.optional(),
      node: QueryList.optional(),
      /** Tasks that ended as well. */
      previous: QueryFlag.optional(),
      tail: queryInt(0, 10_000).optional(),
      sinceMs: queryInt(0, Number.MAX_SAFE_INTEGER).optional(),
      untilMs: queryInt(0, Number.MAX_SAFE_INTEGER).optional(),
      stdout: QueryFlag.optional(),
      stderr: QueryFlag.optional(),
    }),
    response: LogsPage,
  }),
};
