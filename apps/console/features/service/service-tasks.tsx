'use client';

import { useTranslations } from 'use-intl';

import { useTasksOf } from '../../live/live.tsx';
import type { ServiceRow } from '../../live/rows.ts';
import { TasksTable } from '../../ui/tasks-table.tsx';

export function ServiceTasks({ service }: { readonly service: ServiceRow }) {
  const t = useTranslations('service');
  return <TasksTable tasks={useTasksOf('service', service.id)} label={t('tabs.tasks')} />;
}
