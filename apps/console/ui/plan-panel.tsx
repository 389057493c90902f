'use client';

import type { Plan, PlanAction } from '@skep/contract';
import clsx from 'clsx';
import { useTranslations } from 'use-intl';

import { StateGlyph } from './state-glyph.tsx';

const SIGNS: Readonly<Record<PlanAction['op'], { readonly sign: string; readonly tone: string }>> = {
  create: { sign: '+', tone: 'text-ok' },
  update: { sign: '~', tone: 'text-go' },
  replace: { sign: '±', tone: 'text-warn' },
  remove: { sign: '−', tone: 'text-bad' },
  keep: { sign: '=', tone: 'text-off' },
};

function asText(value: unknown): string {
  if (value === undefined || value === null) {
    return '';
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** One field: what it was and what it becomes. */
export function ChangeLine({
  path,
  before,
  after,
}: {
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}) {
  const t = useTranslations('plan');
  const from = asText(before);
  const to = asText(after);
  return (
    <li className="grid grid-cols-[minmax(96px,30%)_1fr] gap-x-3 py-0.5">
      <span className="mono truncate text-muted" title={path}>
        {path}
      </span>
      <span className="mono min-w-0 break-words">
        {from === '' ? null : (
          <del className="text-muted decoration-bad/70" aria-label={t('before')}>
            {from}
          </del>
        )}
        {from !== '' && to !== '' ? <span className="text-muted"> → </span> : null}
        {to === '' ? (
          <span className="text-muted">{t('unset')}</span>
        ) : (
          <ins className="no-underline" aria-label={t('after')}>
            {to}
          </ins>
        )}
      </span>
    </li>
  );
}

function ActionLine({ action }: { readonly action: PlanAction }) {
  const t = useTranslations('plan');
  const { sign, tone } = SIGNS[action.op];
  return (
    <li className="border-b border-line/60 py-2 last:border-b-0">
      <div className="flex items-baseline gap-2">
        <span aria-hidden="true" className={clsx('mono w-3 text-center font-bold', tone)}>
          {sign}
        </span>
        <span className={clsx('font-medium', tone)}>{t(`op.${action.op}`)}</span>
        <span className="text-muted">{t(`kind.${action.kind}`)}</span>
        <code className="min-w-0 truncate font-semibold">{action.name}</code>
        {action.tasksRestarted > 0 ? (
          <span className="ml-auto text-xs whitespace-nowrap text-muted figures">
            {t('restarted', { count: action.tasksRestarted })}
          </span>
        ) : null}
      </div>
      {action.changes.length === 0 ? null : (
        <ul className="mt-1 ml-5 text-xs">
          {action.changes.slice(0, 40).map((change) => (
            <ChangeLine key={change.path} {...change} />
          ))}
        </ul>
      )}
    </li>
  );
}

/** What a change would do, resource by resource, before anything is done. */
export function PlanPanel({ plan }: { readonly plan: Plan }) {
  const t = useTranslations('plan');
  const acting = plan.actions.filter((action) => action.op !== 'keep');
  const kept = plan.actions.length - acting.length;
  const { tasksStarted, tasksRestarted, tasksStopped } = plan.impact;
  return (
    <div className="space-y-3">
      {plan.blockers.length === 0 ? null : (
        <ul className="space-y-1">
          {plan.blockers.map((blocker) => (
            <li key={`${blocker.path} ${blocker.message}`} className="flex gap-2">
              <StateGlyph glyph="failed" family="bad" className="mt-1" />
              <span className="min-w-0 break-words">
                {blocker.line === undefined ? null : (
                  <span className="text-muted">{t('line', { line: blocker.line })} </span>
                )}
                {blocker.message}
              </span>
            </li>
          ))}
        </ul>
      )}
      {acting.length === 0 && plan.blockers.length === 0 ? (
        <p className="flex items-center gap-2 text-muted">
          <StateGlyph glyph="complete" family="ok" />
          {t('nothing')}
        </p>
      ) : (
        <ul>
          {acting.map((action) => (
            <ActionLine key={`${action.kind} ${action.name}`} action={action} />
          ))}
        </ul>
      )}
      {kept > 0 && acting.length > 0 ? (
        <p className="text-xs text-muted">{t('kept', { count: kept })}</p>
      ) : null}
      {plan.warnings.length === 0 ? null : (
        <ul className="space-y-1">
          {plan.warnings.map((warning) => (
            <li key={`${warning.path} ${warning.message}`} className="flex gap-2">
              <StateGlyph glyph="attention" family="warn" className="mt-1" />
              <span className="min-w-0 break-words">
                {warning.line === undefined ? null : (
                  <span className="text-muted">{t('line', { line: warning.line })} </span>
                )}
                {warning.message}
              </span>
            </li>
          ))}
        </ul>
      )}
      {acting.length === 0 ? null : (
        <p className="border-t border-line pt-2 font-medium figures">
          {t('impact', { started: tasksStarted, restarted: tasksRestarted, stopped: tasksStopped })}
        </p>
      )}
    </div>
  );
}
