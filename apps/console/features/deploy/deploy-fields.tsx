'use client';

import { useTranslations } from 'use-intl';

import { isEqual } from '../../edit/patch.ts';
import { nameFromImage } from '../../edit/service-form.ts';
import type { ServiceForm } from '../../edit/service-form.ts';
import { Field, Stepper, TextArea, TextInput } from '../../ui/field.tsx';
import { Panel } from '../../ui/screens.tsx';
import type { FieldErrors } from './field-errors.ts';
import { More } from './more-fields.tsx';
import { PortRows } from './rows.tsx';

interface FieldsProps {
  readonly form: ServiceForm;
  readonly onChange: (form: ServiceForm) => void;
  readonly errors: FieldErrors;
  /** What is edited, when it is not new: changed fields are marked, and the name is fixed. */
  readonly base?: ServiceForm;
}

/** Fields that are one line of text. */
export type TextKey = {
  [K in keyof ServiceForm]: ServiceForm[K] extends string ? K : never;
}[keyof ServiceForm];

export function DeployFields({ form, onChange, errors, base }: FieldsProps) {
  const t = useTranslations('deploy');
  const s = useTranslations('services');
  const change = (part: Partial<ServiceForm>) => {
    onChange({ ...form, ...part });
  };
  const isDirty = (key: keyof ServiceForm) => base !== undefined && !isEqual(base[key], form[key]);
  const text = (key: TextKey, extra: { readonly mono?: boolean; readonly placeholder?: string } = {}) => (
    <Field
      label={t(`fields.${key}`)}
      isDirty={isDirty(key)}
      hint={t.has(`hints.${key}` as 'hints.image') ? t(`hints.${key}` as 'hints.image') : undefined}
      error={errors[key]}
    >
      {(control) => (
        <TextInput
          {...control}
          {...extra}
          value={form[key]}
          onChange={(event) => {
            change({ [key]: event.target.value });
          }}
        />
      )}
    </Field>
  );
  return (
    <>
      <Panel title={t('essentials')}>
        <div className="space-y-4">
          {text('image', { mono: true, placeholder: 'nginx:alpine' })}
          <Field
            label={t('fields.name')}
            hint={base === undefined ? t('hints.name') : undefined}
            error={errors.name}
          >
            {(control) => (
              <TextInput
                {...control}
                mono
                readOnly={base !== undefined}
                placeholder={nameFromImage(form.image)}
                value={form.name}
                onChange={(event) => {
                  change({ name: event.target.value });
                }}
              />
            )}
          </Field>
          <div className="flex flex-wrap items-end gap-4">
            <fieldset>
              <legend className="mb-1 font-medium">{t('fields.mode')}</legend>
              <div className="flex h-8 items-center gap-4">
                {(['replicated', 'global'] as const).map((mode) => (
                  <label key={mode} className="flex items-center gap-2">
                    <input
                      type="radio"
                      name="mode"
                      checked={form.mode === mode}
                      onChange={() => {
                        change({ mode });
                      }}
                      className="accent-accent"
                    />
                    {t(`modes.${mode}`)}
                  </label>
                ))}
              </div>
            </fieldset>
            {form.mode === 'replicated' ? (
              <Field label={s('replicas')} error={errors.replicas} isDirty={isDirty('replicas')}>
                {(control) => (
                  <Stepper
                    id={control.id}
                    label={s('replicas')}
                    lessLabel={s('fewer')}
                    moreLabel={s('moreReplicas')}
                    value={form.replicas}
                    onChange={(replicas) => {
                      change({ replicas });
                    }}
                  />
                )}
              </Field>
            ) : null}
          </div>
          <PortRows
            ports={form.ports}
            error={errors.ports}
            onChange={(ports) => {
              change({ ports });
            }}
          />
          <Field label={t('fields.env')} hint={t('hints.env')} error={errors.env} isDirty={isDirty('env')}>
            {(control) => (
              <TextArea
                {...control}
                mono
                rows={4}
                placeholder={'TZ=Europe/Paris\nLOG_LEVEL=info'}
                value={form.env}
                onChange={(event) => {
                  change({ env: event.target.value });
                }}
              />
            )}
          </Field>
        </div>
      </Panel>
      <More form={form} change={change} errors={errors} text={text} />
    </>
  );
}
