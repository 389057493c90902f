'use client';

import { useSearchParams } from 'next/navigation';
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { useFormatter, useTranslations } from 'use-intl';

import type { FieldProblem, Plan } from '@skep/contract';
import { call } from '../../api/call.ts';
import { useAction, useAsk } from '../../api/use-call.ts';
import { EMPTY_FORM, toSpec } from '../../edit/service-form.ts';
import type { ServiceForm } from '../../edit/service-form.ts';
import { useDraft } from '../../edit/use-draft.ts';
import { useRows, useSettled, useSummary } from '../../live/live.tsx';
import { Button, LinkButton } from '../../ui/button.tsx';
import { CopyField } from '../../ui/copy.tsx';
import { Page } from '../../ui/page.tsx';
import { PlanPanel } from '../../ui/plan-panel.tsx';
import { InlineProblem, toProblem } from '../../ui/problem.tsx';
import { routes } from '../../ui/routes.ts';
import { Banner, Loading, Panel } from '../../ui/screens.tsx';
import { PortsCell } from '../../ui/service-cells.tsx';
import { SlotBar } from '../../ui/slot-bar.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { useWhy } from '../../ui/why.tsx';
import { useBlocked } from '../session/blocked.ts';
import { useMe } from '../session/session.tsx';
import { cliOf } from './cli.ts';
import { DeployFields } from './deploy-fields.tsx';
import { fieldErrorsOf } from './field-errors.ts';

const EditScreen = lazy(() => import('./edit-screen.tsx').then((module) => ({ default: module.EditScreen })));

const PLAN_AFTER_MS = 400;

/** `/deploy` makes a service; `/deploy?service=web` changes one. */
export function DeployScreen() {
  const service = useSearchParams().get('service');
  return service === null ? (
    <NewServiceScreen />
  ) : (
    <Suspense fallback={<Loading />}>
      <EditScreen key={service} />
    </Suspense>
  );
}

/** A service from an image: the essentials first, the plan beside it, the rollout where the plan was. */
function NewServiceScreen() {
  const t = useTranslations('deploy');
  const s = useTranslations('services');
  const format = useFormatter();
  const me = useMe();
  const cluster = useRows('cluster')[0];
  const draft = useDraft<ServiceForm>(
    `${cluster?.id ?? ''}/${me?.name ?? ''}/deploy`,
    cluster === undefined ? undefined : EMPTY_FORM,
  );
  const [deployed, setDeployed] = useState<string>();
  return (
    <Page title={t('title')} crumbs={[{ label: s('title'), href: routes.services() }]} width="reading">
      {draft.restoredAtMs === undefined ? null : (
        <div className="px-4 pb-4 sm:px-6">
          <Banner tone="off" role="status" actions={<Button onClick={draft.discard}>{t('discard')}</Button>}>
            {t('restored', {
              time: format.dateTime(draft.restoredAtMs, { timeStyle: 'short', dateStyle: 'medium' }),
            })}
          </Banner>
        </div>
      )}
      {draft.value === undefined ? (
        <Loading />
      ) : (
        <Form
          form={draft.value}
          onChange={draft.set}
          deployed={deployed}
          onDeployed={(name) => {
            draft.done();
            setDeployed(name);
          }}
          onAnother={() => {
            setDeployed(undefined);
            draft.discard();
          }}
        />
      )}
    </Page>
  );
}

interface FormProps {
  readonly form: ServiceForm;
  readonly onChange: (form: ServiceForm) => void;
  readonly deployed: string | undefined;
  readonly onDeployed: (name: string) => void;
  readonly onAnother: () => void;
}

function Form({ form, onChange, deployed, onDeployed, onAnother }: FormProps) {
  const t = useTranslations('deploy');
  const settled = useSettled();
  const blocked = useBlocked('service.write');
  const box = useRef<HTMLFormElement>(null);
  const [isChecked, setChecked] = useState(false);
  const { spec, errors } = useMemo(() => toSpec(form), [form]);
  const planned = useAsk<Plan>(errors.length > 0 ? undefined : JSON.stringify(spec), async (signal) => {
    await new Promise((resolve) => setTimeout(resolve, PLAN_AFTER_MS));
    signal.throwIfAborted();
    return call('createPlan', { body: { kind: 'service', spec }, signal });
  });
  const action = useAction(async () => {
    const { rev } = await call('createService', { body: spec });
    await settled(rev);
    return true;
  });
  const refused = [planned.error, action.error].flatMap((error) =>
    error === undefined ? [] : ((toProblem(error).errors ?? []) as readonly FieldProblem[]),
  );
  const fieldErrors = fieldErrorsOf(
    [...refused, ...(planned.data?.blockers ?? [])],
    errors.filter((error) => isChecked || error.code !== 'missing'),
    (error) => t(`errors.${error.code}`, { detail: error.detail }),
  );

  const focusFirstError = () => {
    requestAnimationFrame(() => {
      const first = box.current?.querySelector<HTMLElement>('[aria-invalid=true]');
      first?.closest('details')?.setAttribute('open', '');
      first?.focus();
    });
  };
  const submit = async () => {
    setChecked(true);
    if (errors.length > 0 || (planned.data?.blockers.length ?? 0) > 0) {
      focusFirstError();
      return;
    }
    if ((await action.run()) === true) {
      onDeployed(spec.name);
    } else {
      focusFirstError();
    }
  };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key === 'Enter') {
        box.current?.requestSubmit();
      }
    };
    window.addEventListener('keydown', onKey);
    return () => {
      window.removeEventListener('keydown', onKey);
    };
  }, []);

  return (
    <form
      ref={box}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (blocked === undefined && deployed === undefined) {
          void submit();
        }
      }}
      className="grid items-start gap-4 px-4 sm:px-6 lg:grid-cols-[minmax(0,3fr)_minmax(320px,2fr)]"
    >
      <fieldset disabled={deployed !== undefined} className="min-w-0 space-y-4">
        <legend className="sr-only">{t('title')}</legend>
        <DeployFields form={form} onChange={onChange} errors={fieldErrors} />
      </fieldset>
      <div className="min-w-0 space-y-4 lg:sticky lg:top-4">
        {deployed === undefined ? (
          <Panel title={t('plan')}>
            <div className="space-y-3">
              <div
                aria-live="polite"
                aria-busy={planned.isLoading}
                className={planned.isLoading ? 'opacity-60' : ''}
              >
                {errors.length > 0 ? (
                  <p className="text-muted">
                    {form.image.trim() === '' ? t('planEmpty') : t('planErrors', { count: errors.length })}
                  </p>
                ) : null}
                {errors.length === 0 && planned.data !== undefined ? <PlanPanel plan={planned.data} /> : null}
                {errors.length === 0 && planned.data === undefined && planned.error === undefined ? (
                  <p className="text-muted">{t('planning')}</p>
                ) : null}
                {errors.length === 0 ? <InlineProblem error={planned.error} /> : null}
              </div>
              {isChecked && errors.length > 0 ? (
                <p role="alert" className="font-medium text-bad">
                  {t('planErrors', { count: errors.length })}
                </p>
              ) : null}
              <InlineProblem error={action.error} />
              <Button
                type="submit"
                tone="primary"
                busy={action.isBusy}
                blocked={blocked}
                className="h-9! w-full"
              >
                {form.mode === 'global' ? t('applyGlobal') : t('apply', { count: form.replicas })}
              </Button>
              <details>
                <summary className="inline-block rounded-sm text-xs text-muted underline-offset-2 hover:underline">
                  {t('cli')}
                </summary>
                <div className="mt-2">
                  <CopyField label={t('cli')} text={cliOf(spec)} />
                </div>
              </details>
            </div>
          </Panel>
        ) : (
          <Rollout name={deployed} onAnother={onAnother} />
        )}
      </div>
    </form>
  );
}

/** Where the plan was: the service as it comes up. */
function Rollout({ name, onAnother }: { readonly name: string; readonly onAnother: () => void }) {
  const t = useTranslations('deploy');
  const s = useTranslations('services');
  const why = useWhy();
  const services = useRows('services');
  const service = services.find((each) => each.spec.name === name);
  const summary = useSummary(service);
  if (service === undefined || summary === undefined) {
    return (
      <Panel title={t('rollout')}>
        <p className="text-muted">{t('planning')}</p>
      </Panel>
    );
  }
  return (
    <Panel title={t('rollout')}>
      <div className="space-y-3" aria-live="polite">
        <div className="flex items-baseline justify-between gap-3">
          <span className="text-md font-semibold">{name}</span>
          <StateBadge state={summary.state} />
        </div>
        <SlotBar
          slots={summary.bar}
          label={s('tasksOf', { healthy: summary.healthy, desired: summary.desired })}
          size="large"
        />
        <p className="figures">{s('tasksOf', { healthy: summary.healthy, desired: summary.desired })}</p>
        {summary.culprit === undefined ? null : <Banner tone="bad">{why(summary.culprit)}</Banner>}
        <PortsCell service={service} />
        <div className="flex flex-wrap gap-2">
          <LinkButton href={routes.service({ name })} tone="primary">
            {t('open')}
          </LinkButton>
          <LinkButton href={routes.service({ name, tab: 'logs' })}>{s('logs')}</LinkButton>
          <Button onClick={onAnother}>{t('another')}</Button>
        </div>
      </div>
    </Panel>
  );
}
