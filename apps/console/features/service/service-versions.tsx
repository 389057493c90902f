'use client';

import type { Plan, ServiceRevisionView } from '@skep/contract';
import { History } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslations } from 'use-intl';

import { call } from '../../api/call.ts';
import { useAction, useAsk } from '../../api/use-call.ts';
import { specChanges } from '../../edit/patch.ts';
import { useConnection, useSettled } from '../../live/live.tsx';
import type { ServiceRow } from '../../live/rows.ts';
import { Button } from '../../ui/button.tsx';
import { CopyField } from '../../ui/copy.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { ChangeLine, PlanPanel } from '../../ui/plan-panel.tsx';
import { InlineProblem, toProblem } from '../../ui/problem.tsx';
import { RelTime } from '../../ui/quantity.tsx';
import { Banner, ErrorState, Loading } from '../../ui/screens.tsx';
import { ImageName } from '../../ui/service-cells.tsx';
import { StateGlyph } from '../../ui/state-glyph.tsx';
import { useBlocked } from '../session/blocked.ts';

const REVISIONS_MAX = 50;
const CHANGES_SHOWN = 3;
const HISTORY_LAG_MS = 1_500;

/** Every version the service has had: who made it, what it changed, and the way back to it. */
export function ServiceVersions({ service }: { readonly service: ServiceRow }) {
  const t = useTranslations('versions');
  const { deps } = useConnection();
  const [wanted, setWanted] = useState<ServiceRevisionView>();
  const isSettled = useIsSettled(service.version);
  const asked = useAsk(`${service.id} ${String(service.version)} ${deps.db} ${String(isSettled)}`, (signal) =>
    call('listServiceRevisions', {
      params: { service: service.id },
      query: { limit: REVISIONS_MAX },
      signal,
    }),
  );
  if (asked.data === undefined) {
    if (asked.error === undefined) {
      return <Loading />;
    }
    const problem = toProblem(asked.error);
    return problem.code === 'unavailable' ? (
      <div className="px-4 py-4 sm:px-6">
        <Banner tone="warn" role="status" actions={<Button onClick={asked.reload}>{t('askAgain')}</Button>}>
          <p className="font-semibold">{t('databaseDown')}</p>
          <p className="text-muted">{t('databaseDownText')}</p>
        </Banner>
      </div>
    ) : (
      <ErrorState title={t('failed')} problem={problem} onRetry={asked.reload} />
    );
  }
  const revisions = asked.data.items;
  return (
    <>
      <ol aria-label={t('title')} className="divide-y divide-line/60 border-b border-line bg-surface">
        {revisions.map((revision, at) => (
          <VersionLine
            key={revision.revision}
            revision={revision}
            before={revisions[at + 1]}
            isFirst={at === revisions.length - 1 && asked.data?.next === undefined}
            isCurrent={at === 0}
            onBack={() => {
              setWanted(revision);
            }}
          />
        ))}
      </ol>
      {revisions.length > 0 ? null : <p className="px-4 py-8 text-muted sm:px-6">{t('empty')}</p>}
      {wanted === undefined ? null : (
        <BackDialog
          service={service}
          revision={wanted}
          onClose={() => {
            setWanted(undefined);
          }}
        />
      )}
    </>
  );
}

/** Whether `version` has been there for a while: the history is written a moment after the change, so it is asked twice. */
function useIsSettled(version: number): boolean {
  const [settled, setSettled] = useState<number>();
  useEffect(() => {
    const timer = setTimeout(() => {
      setSettled(version);
    }, HISTORY_LAG_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [version]);
  return settled === version;
}

interface VersionLineProps {
  readonly revision: ServiceRevisionView;
  readonly before: ServiceRevisionView | undefined;
  readonly isFirst: boolean;
  readonly isCurrent: boolean;
  readonly onBack: () => void;
}

function VersionLine({ revision, before, isFirst, isCurrent, onBack }: VersionLineProps) {
  const t = useTranslations('versions');
  const operate = useBlocked('service.operate');
  const changes = before === undefined ? [] : specChanges(before.spec, revision.spec);
  return (
    <li className="grid grid-cols-[4rem_minmax(0,1fr)_auto] items-start gap-x-4 gap-y-1 px-4 py-2.5 sm:px-6">
      <span className="mono pt-0.5 font-semibold">v{revision.revision}</span>
      <div className="min-w-0 space-y-1">
        <p className="flex flex-wrap items-baseline gap-x-3">
          <ImageName image={revision.spec.task.container.image} max={48} />
          <span className="text-xs text-muted">
            {t('by', { who: revision.actor.name.replace(/^user:/, ''), via: revision.actor.via })}{' '}
            <RelTime atMs={revision.atMs} />
          </span>
        </p>
        {revision.message === undefined ? null : <p className="text-muted">{revision.message}</p>}
        {isFirst ? <p className="text-xs text-muted">{t('created')}</p> : null}
        {changes.length === 0 ? null : (
          <ul className="text-xs">
            {changes.slice(0, CHANGES_SHOWN).map((change) => (
              <ChangeLine key={change.path} {...change} />
            ))}
          </ul>
        )}
        {changes.length <= CHANGES_SHOWN ? null : (
          <details className="text-xs">
            <summary className="inline-block rounded-sm text-muted underline-offset-2 hover:underline">
              {t('more', { count: changes.length - CHANGES_SHOWN })}
            </summary>
            <ul>
              {changes.slice(CHANGES_SHOWN).map((change) => (
                <ChangeLine key={change.path} {...change} />
              ))}
            </ul>
          </details>
        )}
      </div>
      {isCurrent ? (
        <span className="inline-flex items-center gap-1.5 pt-1 text-ok">
          <StateGlyph glyph="running" family="ok" />
          {t('current')}
        </span>
      ) : (
        <Button
          aria-label={t('backTo', { version: revision.revision })}
          icon={<History size={14} strokeWidth={1.75} />}
          blocked={operate}
          onClick={onBack}
        >
          {t('back')}
        </Button>
      )}
    </li>
  );
}

interface BackDialogProps {
  readonly service: ServiceRow;
  readonly revision: ServiceRevisionView;
  readonly onClose: () => void;
}

/** What going back would change, and the button that does it. */
function BackDialog({ service, revision, onClose }: BackDialogProps) {
  const t = useTranslations('versions');
  const c = useTranslations('common');
  const p = useTranslations('plan');
  const settled = useSettled();
  const plan = useAsk<Plan>(`${String(revision.revision)} ${String(service.version)}`, (signal) =>
    call('createPlan', {
      body: { kind: 'service', service: service.id, spec: revision.spec },
      signal,
    }),
  );
  const action = useAction(async () => {
    const { rev } = await call('rollbackService', {
      params: { service: service.id },
      query: { version: service.version },
      body: { revision: revision.revision },
    });
    await settled(rev);
    return true;
  });
  const isHeld = plan.data === undefined || plan.data.blockers.length > 0;
  return (
    <Dialog
      open
      width="wide"
      onOpenChange={onClose}
      title={t('dialog', { name: service.spec.name, version: revision.revision })}
      description={t('dialogText')}
      footer={
        <>
          <Button onClick={onClose}>{c('cancel')}</Button>
          <Button
            tone="primary"
            busy={action.isBusy}
            blocked={isHeld ? (plan.error === undefined ? p('planning') : t('planFailed')) : undefined}
            onClick={() => {
              void action.run().then((isDone) => {
                if (isDone === true) {
                  onClose();
                }
              });
            }}
          >
            {t('backTo', { version: revision.revision })}
          </Button>
        </>
      }
    >
      <div className="space-y-4">
        {plan.data === undefined ? null : <PlanPanel plan={plan.data} />}
        <InlineProblem error={plan.error ?? action.error} />
        <CopyField
          label={p('cli')}
          text={`swarm service rollback --revision ${String(revision.revision)} ${service.spec.name}`}
        />
      </div>
    </Dialog>
  );
}
