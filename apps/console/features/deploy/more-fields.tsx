'use client';

import { ChevronRight } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslations } from 'use-intl';

import type { ServiceForm } from '../../edit/service-form.ts';
import { useRows } from '../../live/live.tsx';
import { Field, Select, TextArea } from '../../ui/field.tsx';
import { Panel } from '../../ui/screens.tsx';
import type { TextKey } from './deploy-fields.tsx';
import type { FieldErrors } from './field-errors.ts';
import { MountRows, PayloadRows } from './rows.tsx';

interface SectionProps {
  readonly title: string;
  /** The present values in one line, so that nothing is hidden by being folded. */
  readonly summary: string;
  readonly isInvalid: boolean;
  readonly children: ReactNode;
}

function Section({ title, summary, isInvalid, children }: SectionProps) {
  return (
    <details className="group border-b border-line/60 last:border-b-0" open={isInvalid || undefined}>
      <summary className="flex min-h-10 items-center gap-3 px-4 hover:bg-raised focus-visible:outline-offset-[-2px]">
        <ChevronRight
          size={14}
          aria-hidden="true"
          className="shrink-0 text-muted transition-transform group-open:rotate-90"
        />
        <span className="shrink-0 font-medium">{title}</span>
        <span className="mono min-w-0 flex-1 truncate text-right text-muted">{summary}</span>
      </summary>
      <div className="space-y-4 px-4 pt-1 pb-4">{children}</div>
    </details>
  );
}

interface MoreProps {
  readonly form: ServiceForm;
  readonly change: (part: Partial<ServiceForm>) => void;
  readonly errors: FieldErrors;
  readonly text: (
    key: TextKey,
    extra?: { readonly mono?: boolean; readonly placeholder?: string },
  ) => ReactNode;
}

/** Everything beyond the essentials, folded, each fold with its present values in its line. */
export function More({ form, change, errors, text }: MoreProps) {
  const t = useTranslations('deploy');
  const join = useSummary();
  const has = (...keys: readonly (keyof ServiceForm)[]) => keys.some((key) => errors[key] !== undefined);
  const area = (key: 'constraints' | 'labels', placeholder: string) => (
    <Field label={t(`fields.${key}`)} hint={t(`hints.${key}`)} error={errors[key]}>
      {(control) => (
        <TextArea
          {...control}
          mono
          rows={3}
          placeholder={placeholder}
          value={form[key]}
          onChange={(event) => {
            change({ [key]: event.target.value });
          }}
        />
      )}
    </Field>
  );
  return (
    <Panel title={t('more')} isFlush>
      <Section
        title={t('sections.resources')}
        summary={join(
          form.cpuReserved && `${form.cpuReserved} CPU`,
          form.memoryReserved,
          form.cpuLimit && `≤ ${form.cpuLimit} CPU`,
          form.memoryLimit && `≤ ${form.memoryLimit}`,
        )}
        isInvalid={has('cpuReserved', 'memoryReserved', 'cpuLimit', 'memoryLimit')}
      >
        <div className="grid gap-4 sm:grid-cols-2">
          {text('cpuReserved', { mono: true, placeholder: '0.25' })}
          {text('memoryReserved', { mono: true, placeholder: '256M' })}
          {text('cpuLimit', { mono: true, placeholder: '1' })}
          {text('memoryLimit', { mono: true, placeholder: '512M' })}
        </div>
      </Section>
      <NetworksSection form={form} change={change} errors={errors} />
      <Section
        title={t('sections.storage')}
        summary={join(...form.mounts.map((mount) => mount.target))}
        isInvalid={has('mounts')}
      >
        <MountRows
          mounts={form.mounts}
          error={errors.mounts}
          onChange={(mounts) => {
            change({ mounts });
          }}
        />
      </Section>
      <PayloadsSection form={form} change={change} errors={errors} />
      <Section
        title={t('sections.placement')}
        summary={join(...form.constraints.split('\n'))}
        isInvalid={has('constraints')}
      >
        {area('constraints', 'node.labels.zone == east')}
      </Section>
      <Section
        title={t('sections.health')}
        summary={join(form.healthCommand, form.healthInterval)}
        isInvalid={has('healthCommand', 'healthInterval', 'healthRetries')}
      >
        {text('healthCommand', { mono: true, placeholder: 'wget -qO- http://localhost:8080/health' })}
        <div className="grid gap-4 sm:grid-cols-2">
          {text('healthInterval', { mono: true, placeholder: '30s' })}
          {text('healthRetries', { mono: true, placeholder: '3' })}
        </div>
      </Section>
      <UpdateSection form={form} change={change} errors={errors} />
      <Section
        title={t('sections.command')}
        summary={join(form.command, form.args, form.user)}
        isInvalid={has('command', 'args', 'user')}
      >
        {text('command', { mono: true })}
        {text('args', { mono: true, placeholder: '--verbose --port 8080' })}
        {text('user', { mono: true, placeholder: '1000:1000' })}
      </Section>
      <Section
        title={t('sections.labels')}
        summary={join(...form.labels.split('\n'))}
        isInvalid={has('labels')}
      >
        {area('labels', 'team=shop')}
      </Section>
    </Panel>
  );
}

/** The values that differ from the default, in one line. */
function useSummary(): (...parts: readonly string[]) => string {
  const t = useTranslations('deploy');
  return (...parts) => {
    const said = parts.filter((part) => part !== '');
    return said.length === 0 ? t('byDefault') : said.join(' · ');
  };
}

const PRESETS: readonly ServiceForm['update'][] = ['careful', 'balanced', 'fast', 'custom'];

type PartProps = Pick<MoreProps, 'form' | 'change' | 'errors'>;

function NetworksSection({ form, change, errors }: PartProps) {
  const t = useTranslations('deploy');
  const join = useSummary();
  const networks = useRows('networks').filter((network) => network.spec.ingress !== true);
  return (
    <Section
      title={t('sections.networks')}
      summary={join(...form.networks)}
      isInvalid={errors.networks !== undefined}
    >
      {networks.length === 0 ? <p className="text-muted">{t('noNetworks')}</p> : null}
      <div className="space-y-1">
        {networks.map(({ id, spec }) => (
          <label key={id} className="flex items-center gap-2">
            <input
              type="checkbox"
              checked={form.networks.includes(spec.name)}
              onChange={(event) => {
                change({
                  networks: event.target.checked
                    ? [...form.networks, spec.name]
                    : form.networks.filter((name) => name !== spec.name),
                });
              }}
              className="size-4 accent-accent"
            />
            <code>{spec.name}</code>
          </label>
        ))}
      </div>
      {errors.networks === undefined ? null : (
        <p className="text-xs font-medium text-bad">{errors.networks}</p>
      )}
    </Section>
  );
}

function PayloadsSection({ form, change, errors }: PartProps) {
  const t = useTranslations('deploy');
  const join = useSummary();
  const secrets = useRows('secrets');
  const configs = useRows('configs');
  return (
    <Section
      title={t('sections.payloads')}
      summary={join(...form.secrets.map(({ name }) => name), ...form.configs.map(({ name }) => name))}
      isInvalid={(errors.secrets ?? errors.configs) !== undefined}
    >
      <PayloadRows
        label={t('fields.secrets')}
        choices={secrets}
        chosen={form.secrets}
        prefix="/run/secrets/"
        error={errors.secrets}
        onChange={(chosen) => {
          change({ secrets: chosen });
        }}
      />
      <PayloadRows
        label={t('fields.configs')}
        choices={configs}
        chosen={form.configs}
        prefix="/"
        error={errors.configs}
        onChange={(chosen) => {
          change({ configs: chosen });
        }}
      />
    </Section>
  );
}

function UpdateSection({ form, change, errors }: PartProps) {
  const t = useTranslations('deploy');
  const join = useSummary();
  return (
    <Section
      title={t('sections.update')}
      summary={join(t(`presets.${form.update}`), t(`restarts.${form.restart}`))}
      isInvalid={(errors.update ?? errors.restart) !== undefined}
    >
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label={t('fields.update')} hint={t(`presetText.${form.update}`)} error={errors.update}>
          {(control) => (
            <Select
              {...control}
              value={form.update}
              onChange={(event) => {
                change({ update: event.target.value as ServiceForm['update'] });
              }}
            >
              {PRESETS.filter((key) => key !== 'custom' || form.update === 'custom').map((key) => (
                <option key={key} value={key}>
                  {t(`presets.${key}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label={t('fields.restart')} error={errors.restart}>
          {(control) => (
            <Select
              {...control}
              value={form.restart}
              onChange={(event) => {
                change({ restart: event.target.value as ServiceForm['restart'] });
              }}
            >
              {(['any', 'on-failure', 'none'] as const).map((key) => (
                <option key={key} value={key}>
                  {t(`restarts.${key}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
      </div>
    </Section>
  );
}
