'use client';

import type { BodyOf, Plan } from '@skep/contract';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslations } from 'use-intl';

import { call } from '../../api/call.ts';
import { useAction, useAsk } from '../../api/use-call.ts';
import { useSettled } from '../../live/live.tsx';
import type { ServiceRow } from '../../live/rows.ts';
import { Button } from '../../ui/button.tsx';
import { CopyField } from '../../ui/copy.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Field, Stepper, TextInput } from '../../ui/field.tsx';
import { PlanPanel } from '../../ui/plan-panel.tsx';
import { InlineProblem } from '../../ui/problem.tsx';
import { routes } from '../../ui/routes.ts';
import type { ServiceVerb } from './service-actions.tsx';

interface DialogProps {
  readonly service: ServiceRow;
  readonly onClose: () => void;
}

interface ActionDialogProps extends DialogProps {
  readonly title: string;
  readonly description?: string;
  readonly confirm: string;
  readonly tone?: 'primary' | 'danger';
  readonly command: string;
  readonly blocked?: string | undefined;
  readonly act: () => Promise<{ readonly rev: number }>;
  readonly onDone?: () => void;
  readonly children?: ReactNode;
}

/** The common shape: what, its plan, the command that does the same, and the button named after the effect. */
function ActionDialog(props: ActionDialogProps) {
  const {
    title,
    description,
    confirm,
    tone = 'primary',
    command,
    blocked,
    act,
    onDone,
    onClose,
    children,
  } = props;
  const t = useTranslations('common');
  const plan = useTranslations('plan');
  const settled = useSettled();
  const action = useAction(async () => {
    const { rev } = await act();
    await settled(rev);
    return true;
  });
  const submit = async () => {
    if ((await action.run()) === true) {
      onClose();
      onDone?.();
    }
  };
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={title}
      {...(description === undefined ? {} : { description })}
      footer={
        <>
          <Button onClick={onClose}>{t('cancel')}</Button>
          <Button tone={tone} busy={action.isBusy} blocked={blocked} onClick={() => void submit()}>
            {confirm}
          </Button>
        </>
      }
    >
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (blocked === undefined) {
            void submit();
          }
        }}
      >
        {children}
        <InlineProblem error={action.error} />
        <details className="group">
          <summary className="inline-block rounded-sm text-xs text-muted underline-offset-2 hover:underline">
            {plan('cli')}
          </summary>
          <div className="mt-2">
            <CopyField label={plan('cli')} text={command} />
          </div>
        </details>
      </form>
    </Dialog>
  );
}

/** Asks for the plan of a change a moment after it stopped changing. */
function usePlan(request: BodyOf<'createPlan'> | undefined) {
  return useAsk<Plan>(request === undefined ? undefined : JSON.stringify(request), async (signal) => {
    await new Promise((resolve) => setTimeout(resolve, 250));
    signal.throwIfAborted();
    if (request === undefined) {
      throw new Error('nothing to plan');
    }
    return call('createPlan', { body: request, signal });
  });
}

function PlanSection({ request }: { readonly request: BodyOf<'createPlan'> | undefined }) {
  const t = useTranslations('plan');
  const asked = usePlan(request);
  if (request === undefined) {
    return null;
  }
  return (
    <section
      aria-live="polite"
      aria-busy={asked.isLoading}
      className="rounded-sm border border-line bg-bg px-3 py-2"
    >
      {asked.error !== undefined ? <InlineProblem error={asked.error} /> : null}
      {asked.data === undefined && asked.error === undefined ? (
        <p className="text-muted">{t('planning')}</p>
      ) : null}
      {asked.data === undefined || asked.error !== undefined ? null : <PlanPanel plan={asked.data} />}
    </section>
  );
}

function ScaleDialog({ service, onClose }: DialogProps) {
  const t = useTranslations('services');
  const current = service.spec.mode.type === 'replicated' ? service.spec.mode.replicas : 0;
  const [replicas, setReplicas] = useState(current);
  const { name } = service.spec;
  const request =
    replicas === current ? undefined : ({ kind: 'scale', service: service.id, replicas } as const);
  return (
    <ActionDialog
      service={service}
      onClose={onClose}
      title={t('scaleTitle', { name })}
      confirm={t('scaleTo', { replicas })}
      tone={replicas === 0 ? 'danger' : 'primary'}
      command={`swarm service scale ${name}=${String(replicas)}`}
      blocked={replicas === current ? t('scaleSame', { replicas: current }) : undefined}
      act={() =>
        call('scaleService', {
          params: { service: service.id },
          body: { replicas },
          query: { version: service.version },
        })
      }
    >
      <Field label={t('replicas')}>
        {(control) => (
          <Stepper
            id={control.id}
            label={t('replicas')}
            lessLabel={t('fewer')}
            moreLabel={t('moreReplicas')}
            value={replicas}
            onChange={setReplicas}
          />
        )}
      </Field>
      <PlanSection request={request} />
    </ActionDialog>
  );
}

function withImage(service: ServiceRow, image: string): ServiceRow['spec'] {
  const { spec } = service;
  return { ...spec, task: { ...spec.task, container: { ...spec.task.container, image } } };
}

function ImageDialog({ service, onClose }: DialogProps) {
  const t = useTranslations('services');
  const current = service.spec.task.container.image.replace(/@.*$/, '');
  const [image, setImage] = useState(current);
  const { name } = service.spec;
  const isSame = image.trim() === '' || image.trim() === service.spec.task.container.image;
  const request = isSame
    ? undefined
    : ({ kind: 'service', service: service.id, spec: withImage(service, image.trim()) } as const);
  return (
    <ActionDialog
      service={service}
      onClose={onClose}
      title={t('imageTitle', { name })}
      confirm={t('imageApply')}
      command={`swarm service update --image ${image.trim()} ${name}`}
      blocked={isSame ? t('imageSame') : undefined}
      act={() =>
        call('patchService', {
          params: { service: service.id },
          query: { version: service.version },
          body: { task: { container: { image: image.trim() } } },
        })
      }
    >
      <Field label={t('image')} hint={t('imageHint')}>
        {(control) => (
          <TextInput
            {...control}
            mono
            autoFocus
            value={image}
            onChange={(event) => {
              setImage(event.target.value);
            }}
          />
        )}
      </Field>
      <PlanSection request={request} />
    </ActionDialog>
  );
}

function RestartDialog({ service, onClose }: DialogProps) {
  const t = useTranslations('services');
  const { name, update } = service.spec;
  return (
    <ActionDialog
      service={service}
      onClose={onClose}
      title={t('restartTitle', { name })}
      description={t('restartText', {
        count: update?.parallelism ?? 1,
        order: update?.order === 'start-first' ? 'startfirst' : 'stopfirst',
      })}
      confirm={t('restart')}
      command={`swarm service update --force ${name}`}
      act={() => call('restartService', { params: { service: service.id }, body: {} })}
    />
  );
}

function RollbackDialog({ service, onClose }: DialogProps) {
  const t = useTranslations('services');
  const { name } = service.spec;
  const { previousSpec } = service;
  const request =
    previousSpec === undefined
      ? undefined
      : ({ kind: 'service', service: service.id, spec: previousSpec } as const);
  return (
    <ActionDialog
      service={service}
      onClose={onClose}
      title={t('rollbackTitle', { name })}
      description={t('rollbackText')}
      confirm={t('rollback')}
      command={`swarm service rollback ${name}`}
      blocked={previousSpec === undefined ? t('rollbackNone') : undefined}
      act={() =>
        call('rollbackService', {
          params: { service: service.id },
          query: { version: service.version },
          body: {},
        })
      }
    >
      {previousSpec === undefined ? <p>{t('rollbackNone')}</p> : <PlanSection request={request} />}
    </ActionDialog>
  );
}

function RemoveDialog({ service, onClose }: DialogProps) {
  const t = useTranslations('services');
  const router = useRouter();
  const { name } = service.spec;
  return (
    <ActionDialog
      service={service}
      onClose={onClose}
      title={t('removeTitle', { name })}
      description={t('removeText')}
      confirm={t('remove')}
      tone="danger"
      command={`swarm service rm ${name}`}
      act={() => call('removeService', { params: { service: service.id } })}
      onDone={() => {
        if (window.location.pathname.startsWith('/service')) {
          router.push(routes.services());
        }
      }}
    />
  );
}

const DIALOGS = {
  scale: ScaleDialog,
  image: ImageDialog,
  restart: RestartDialog,
  rollback: RollbackDialog,
  remove: RemoveDialog,
} as const;

/** The dialog of one verb. */
export function ServiceDialog({ verb, ...props }: DialogProps & { readonly verb: ServiceVerb }) {
  const Verb = DIALOGS[verb];
  return <Verb {...props} />;
}
