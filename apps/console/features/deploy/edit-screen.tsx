'use client';

import type { FieldProblem, Plan } from '@skep/contract';
import type { ServiceSpec } from '@skep/model';
import { useRouter, useSearchParams } from 'next/navigation';
import { useMemo, useState } from 'react';
import { useFormatter, useTranslations } from 'use-intl';

import { call } from '../../api/call.ts';
import { useAction, useAsk } from '../../api/use-call.ts';
import { applyPatch, diffPatch } from '../../edit/patch.ts';
import type { Patch } from '../../edit/patch.ts';
import { rebase } from '../../edit/rebase.ts';
import type { Conflict } from '../../edit/rebase.ts';
import { fromSpec } from '../../edit/form-from-spec.ts';
import { toSpec } from '../../edit/service-form.ts';
import type { ServiceForm } from '../../edit/service-form.ts';
import { useDraft } from '../../edit/use-draft.ts';
import { useIsLoaded, useRows, useSettled } from '../../live/live.tsx';
import type { ServiceRow } from '../../live/rows.ts';
import { Button, LinkButton } from '../../ui/button.tsx';
import { CopyField } from '../../ui/copy.tsx';
import { Page } from '../../ui/page.tsx';
import { PlanPanel } from '../../ui/plan-panel.tsx';
import { InlineProblem, toProblem } from '../../ui/problem.tsx';
import { routes } from '../../ui/routes.ts';
import { Banner, Empty, Loading, Panel } from '../../ui/screens.tsx';
import { useBlocked } from '../session/blocked.ts';
import { useMe } from '../session/session.tsx';
import { DeployFields } from './deploy-fields.tsx';
import { fieldErrorsOf } from './field-errors.ts';

const PLAN_AFTER_MS = 400;

/** What is edited: the form, and the spec and version it was opened on. */
interface Editing {
  readonly form: ServiceForm;
  readonly base: ServiceForm;
  readonly version: number;
}

/** A service changed in place: only what was changed is sent, and what others change meanwhile is told, never overwritten. */
export function EditScreen() {
  const t = useTranslations('deploy');
  const s = useTranslations('services');
  const name = useSearchParams().get('service') ?? '';
  const isLoaded = useIsLoaded();
  const services = useRows('services');
  const service = services.find((each) => each.spec.name === name || each.id === name);
  const crumbs = [
    { label: s('title'), href: routes.services() },
    { label: name, href: routes.service({ name }) },
  ];
  return (
    <Page title={t('editTitle', { name })} crumbs={crumbs} width="reading">
      {!isLoaded ? <Loading /> : null}
      {isLoaded && service === undefined ? (
        <Empty
          title={t('unknown', { name })}
          action={<LinkButton href={routes.services()}>{s('title')}</LinkButton>}
        />
      ) : null}
      {service === undefined ? null : <Known key={service.id} service={service} />}
    </Page>
  );
}

function useForm(service: ServiceRow): ServiceForm {
  const networks = useRows('networks');
  return useMemo(
    () => fromSpec(service.spec, (target) => networks.find(({ id }) => id === target)?.spec.name ?? target),
    [service.spec, networks],
  );
}

function Known({ service }: { readonly service: ServiceRow }) {
  const t = useTranslations('deploy');
  const format = useFormatter();
  const me = useMe();
  const cluster = useRows('cluster')[0];
  const live = useForm(service);
  const [opened] = useState<Editing>(() => ({ form: live, base: live, version: service.version }));
  const draft = useDraft<Editing>(
    `${cluster?.id ?? ''}/${me?.name ?? ''}/service/${service.id}`,
    cluster === undefined ? undefined : opened,
  );
  return (
    <>
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
        <Form service={service} live={live} value={draft.value} onChange={draft.set} onDone={draft.done} />
      )}
    </>
  );
}

interface FormProps {
  readonly service: ServiceRow;
  readonly live: ServiceForm;
  readonly value: Editing;
  readonly onChange: (value: Editing) => void;
  readonly onDone: () => void;
}

function Form({ service, live, value, onChange, onDone }: FormProps) {
  const t = useTranslations('deploy');
  const router = useRouter();
  const settled = useSettled();
  const blocked = useBlocked('service.write');
  const { form, base } = value;
  const { spec, errors } = useMemo(() => toSpec(form), [form]);
  const patch = useMemo(() => diffPatch(toSpec(base).spec, spec), [base, spec]);
  const wanted = useMemo(() => applyPatch(service.spec, patch) as ServiceSpec, [service.spec, patch]);
  const isChanged = Object.keys(patch).length > 0;
  const planned = useAsk<Plan>(
    errors.length > 0 || !isChanged ? undefined : JSON.stringify(wanted),
    async (signal) => {
      await new Promise((resolve) => setTimeout(resolve, PLAN_AFTER_MS));
      signal.throwIfAborted();
      return call('createPlan', { body: { kind: 'service', service: service.id, spec: wanted }, signal });
    },
  );
  const action = useAction(async () => {
    const { rev } = await call('patchService', {
      params: { service: service.id },
      query: { version: service.version },
      body: withWholeLists(patch, wanted),
    });
    await settled(rev);
    return true;
  });
  const refused = [planned.error, action.error].flatMap((error) =>
    error === undefined ? [] : ((toProblem(error).errors ?? []) as readonly FieldProblem[]),
  );
  const fieldErrors = fieldErrorsOf([...refused, ...(planned.data?.blockers ?? [])], errors, (error) =>
    t(`errors.${error.code}`, { detail: error.detail }),
  );
  const reason = !isChanged
    ? t('nothingChanged')
    : errors.length > 0
      ? t('planErrors', { count: errors.length })
      : undefined;
  const submit = async () => {
    if ((await action.run()) === true) {
      onDone();
      router.push(routes.service({ name: service.spec.name }));
    }
  };
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if ((blocked ?? reason) === undefined) {
          void submit();
        }
      }}
      className="grid items-start gap-4 px-4 sm:px-6 lg:grid-cols-[minmax(0,3fr)_minmax(320px,2fr)]"
    >
      <div className="min-w-0 space-y-4">
        <Meanwhile live={live} value={value} version={service.version} onChange={onChange} />
        <DeployFields
          form={form}
          base={base}
          errors={fieldErrors}
          onChange={(changed) => {
            onChange({ ...value, form: changed });
          }}
        />
      </div>
      <div className="min-w-0 space-y-4 lg:sticky lg:top-4">
        <Panel title={t('plan')}>
          <div className="space-y-3">
            <div
              aria-live="polite"
              aria-busy={planned.isLoading}
              className={planned.isLoading ? 'opacity-60' : ''}
            >
              {reason === undefined ? null : <p className="text-muted">{reason}</p>}
              {reason === undefined && planned.data !== undefined ? <PlanPanel plan={planned.data} /> : null}
              {reason === undefined ? <InlineProblem error={planned.error} /> : null}
            </div>
            <InlineProblem error={action.error} />
            <Button
              type="submit"
              tone="primary"
              className="h-9! w-full"
              busy={action.isBusy}
              blocked={blocked ?? reason}
            >
              {t('applyChanges')}
            </Button>
            <details>
              <summary className="inline-block rounded-sm text-xs text-muted underline-offset-2 hover:underline">
                {t('request')}
              </summary>
              <div className="mt-2">
                <CopyField
                  label={t('request')}
                  text={`PATCH /api/v1/services/${service.spec.name}\n${JSON.stringify(patch, null, 2)}`}
                />
              </div>
            </details>
          </div>
        </Panel>
      </div>
    </form>
  );
}

/** Lists are replaced whole by a merge patch, so they are sent with the entries' fields that the form does not show. */
function withWholeLists(patch: Patch, wanted: unknown): Patch {
  return Object.fromEntries(
    Object.entries(patch).map(([key, value]) => {
      const whole =
        typeof wanted === 'object' && wanted !== null
          ? (wanted as Readonly<Record<string, unknown>>)[key]
          : undefined;
      if (Array.isArray(value)) {
        return [key, whole];
      }
      return [
        key,
        typeof value === 'object' && value !== null ? withWholeLists(value as Patch, whole) : value,
      ];
    }),
  );
}

interface MeanwhileProps {
  readonly live: ServiceForm;
  readonly value: Editing;
  readonly version: number;
  readonly onChange: (value: Editing) => void;
}

/** Others changed the service while it was open: what, and what becomes of it. */
function Meanwhile({ live, value, version, onChange }: MeanwhileProps) {
  const t = useTranslations('deploy');
  const [conflicts, setConflicts] = useState<readonly Conflict<ServiceForm>[]>([]);
  const merged = useMemo(() => rebase(value.base, live, value.form), [value, live]);
  const fields = [...merged.taken, ...merged.conflicts.map(({ field }) => field)];
  const nameOf = (field: keyof ServiceForm) => t(`fields.${field}`);
  return (
    <>
      {fields.length === 0 ? null : (
        <Banner
          tone="warn"
          role="status"
          actions={
            <Button
              onClick={() => {
                setConflicts(merged.conflicts);
                onChange({ form: merged.value, base: live, version });
              }}
            >
              {t('rebase')}
            </Button>
          }
        >
          <p className="font-semibold">{t('meanwhile', { fields: fields.map(nameOf).join(', ') })}</p>
          <p className="text-muted">{t('meanwhileText')}</p>
        </Banner>
      )}
      {conflicts.length === 0 ? null : (
        <Panel title={t('conflicts', { count: conflicts.length })}>
          <ul className="space-y-3">
            {conflicts.map((conflict) => (
              <li key={conflict.field} className="flex flex-wrap items-start gap-3">
                <div className="min-w-0 flex-1">
                  <p className="font-medium">{nameOf(conflict.field)}</p>
                  <p>
                    <span className="text-muted">{t('theirs')} </span>
                    <code className="break-all">{asText(conflict.theirs)}</code>
                  </p>
                  <p>
                    <span className="text-muted">{t('mine')} </span>
                    <code className="break-all">{asText(conflict.mine)}</code>
                  </p>
                </div>
                <Button
                  onClick={() => {
                    onChange({ ...value, form: { ...value.form, [conflict.field]: conflict.theirs } });
                    setConflicts(conflicts.filter((each) => each !== conflict));
                  }}
                >
                  {t('takeTheirs')}
                </Button>
                <Button
                  onClick={() => {
                    setConflicts(conflicts.filter((each) => each !== conflict));
                  }}
                >
                  {t('keepMine')}
                </Button>
              </li>
            ))}
          </ul>
        </Panel>
      )}
    </>
  );
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
