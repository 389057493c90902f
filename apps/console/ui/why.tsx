'use client';

import { useTranslations } from 'use-intl';

import type { TaskRow } from '../live/rows.ts';

/** Parameters each headline needs; without one of them the engine's own sentence is shown. */
export const REASON_PARAMS: Readonly<Record<string, readonly string[]>> = {
  'sched.constraint': ['constraint'],
  'sched.resources': ['res', 'need', 'max', 'node'],
  'sched.port': ['port', 'service'],
  'sched.platform': ['platform', 'n', 'm'],
  'sched.maxreplicas': ['n'],
  'sched.drained': [],
  'sched.volume': ['vol', 'node', 'state'],
  'sched.network': ['net'],
  'image.notfound': ['ref', 'registry'],
  'image.auth': ['registry', 'ref'],
  'image.ratelimit': ['registry', 't'],
  'image.network': ['node', 'registry'],
  'image.space': ['node', 'ref', 'need'],
  'start.command': ['cmd'],
  'start.permission': ['cmd'],
  'start.mount': ['src', 'dst', 'why'],
  'start.secret': ['name'],
  'start.runtime': ['node'],
  'run.exit': ['code', 't'],
  'run.oom': ['limit', 'peak'],
  'run.health': ['n', 'last'],
  'run.crashloop': ['n', 't', 'd'],
  'run.maxattempts': ['n'],
  'node.down': ['node', 't'],
  'node.drain': ['node', 'who'],
  'update.failed': ['v', 'f', 'm'],
  'user.stopped': ['who'],
  'engine.unknown': [],
};

type ReasonKey = 'sched.drained';

/** One sentence of cause for a task, in the reader's language where its reason code is known. */
export function useWhy(): (task: TaskRow) => string {
  const t = useTranslations('why');
  return (task) => {
    const { reason, message, err } = task.status;
    const params = reason === undefined ? undefined : REASON_PARAMS[reason.code];
    const given = reason?.params ?? {};
    if (reason !== undefined && params?.every((name) => given[name] !== undefined) === true) {
      return t(reason.code as ReasonKey, given);
    }
    return err !== undefined && err !== '' ? err : message;
  };
}

/** What an exit code means, where it means something. */
export function useExitMeaning(): (code: number) => string | undefined {
  const t = useTranslations('why.exitMeaning');
  return (code) => (t.has(String(code) as '137') ? t(String(code) as '137') : undefined);
}
