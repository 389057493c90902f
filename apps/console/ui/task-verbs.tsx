'use client';

import { ScrollText, SquareTerminal } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useTranslations } from 'use-intl';

import type { TaskRow } from '../live/rows.ts';
import { IconButton } from './button.tsx';
import { routes } from './routes.ts';

/** Logs and shell of a task, beside its row. */
export function TaskVerbs({ task, name }: { readonly task: TaskRow; readonly name: string }) {
  const t = useTranslations('tasks');
  const router = useRouter();
  return (
    <span className="inline-flex items-center">
      <IconButton
        label={t('logsOf', { name })}
        onClick={() => {
          router.push(routes.task({ id: task.id, tab: 'logs' }));
        }}
      >
        <ScrollText size={14} strokeWidth={1.75} />
      </IconButton>
      <IconButton
        label={t('shellOf', { name })}
        blocked={task.status.state === 'running' ? undefined : t('shellNot')}
        onClick={() => {
          router.push(routes.task({ id: task.id, tab: 'shell' }));
        }}
      >
        <SquareTerminal size={14} strokeWidth={1.75} />
      </IconButton>
    </span>
  );
}
