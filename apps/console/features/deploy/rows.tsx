'use client';

import { Plus, X } from 'lucide-react';
import { useTranslations } from 'use-intl';

import type { MountLine, PayloadLine, PortLine } from '../../edit/service-form.ts';
import { Button, IconButton } from '../../ui/button.tsx';
import { Select, TextInput } from '../../ui/field.tsx';

function replaceAt<T>(items: readonly T[], index: number, part: Partial<T>): readonly T[] {
  return items.map((item, at) => (at === index ? { ...item, ...part } : item));
}

function without<T>(items: readonly T[], index: number): readonly T[] {
  return items.filter((_, at) => at !== index);
}

function ErrorLine({ error }: { readonly error: string | undefined }) {
  return error === undefined ? null : (
    <p role="alert" className="mt-1 text-xs font-medium text-bad">
      {error}
    </p>
  );
}

interface RowsProps<T> {
  readonly error: string | undefined;
  readonly onChange: (rows: readonly T[]) => void;
}

/** Published port, target port, protocol and mode, one line each. */
export function PortRows({
  ports,
  error,
  onChange,
}: RowsProps<PortLine> & { readonly ports: readonly PortLine[] }) {
  const t = useTranslations('deploy');
  return (
    <fieldset>
      <legend className="mb-1 font-medium">{t('fields.ports')}</legend>
      <div className="space-y-1.5">
        {ports.map((port, index) => (
          <div key={index} className="flex flex-wrap items-center gap-1.5">
            <TextInput
              mono
              inputMode="numeric"
              aria-label={t('publishedOf', { index: index + 1 })}
              aria-invalid={error === undefined ? undefined : true}
              placeholder="8080"
              className="w-20!"
              value={port.published}
              onChange={(event) => onChange(replaceAt(ports, index, { published: event.target.value }))}
            />
            <span aria-hidden="true" className="text-muted">
              →
            </span>
            <TextInput
              mono
              inputMode="numeric"
              aria-label={t('targetOf', { index: index + 1 })}
              placeholder="80"
              className="w-20!"
              value={port.target}
              onChange={(event) => onChange(replaceAt(ports, index, { target: event.target.value }))}
            />
            <Select
              aria-label={t('protocolOf', { index: index + 1 })}
              className="w-20!"
              value={port.protocol}
              onChange={(event) =>
                onChange(replaceAt(ports, index, { protocol: event.target.value === 'udp' ? 'udp' : 'tcp' }))
              }
            >
              <option value="tcp">tcp</option>
              <option value="udp">udp</option>
            </Select>
            <Select
              aria-label={t('modeOf', { index: index + 1 })}
              className="w-44!"
              value={port.mode}
              onChange={(event) =>
                onChange(
                  replaceAt(ports, index, { mode: event.target.value === 'host' ? 'host' : 'ingress' }),
                )
              }
            >
              <option value="ingress">{t('publishModes.ingress')}</option>
              <option value="host">{t('publishModes.host')}</option>
            </Select>
            <IconButton
              label={t('removePort', { index: index + 1 })}
              onClick={() => onChange(without(ports, index))}
            >
              <X size={14} />
            </IconButton>
          </div>
        ))}
        <Button
          icon={<Plus size={14} />}
          onClick={() =>
            onChange([...ports, { published: '', target: '', protocol: 'tcp', mode: 'ingress' }])
          }
        >
          {t('addPort')}
        </Button>
      </div>
      <ErrorLine error={error} />
    </fieldset>
  );
}

export function MountRows({
  mounts,
  error,
  onChange,
}: RowsProps<MountLine> & { readonly mounts: readonly MountLine[] }) {
  const t = useTranslations('deploy');
  return (
    <div>
      <div className="space-y-1.5">
        {mounts.map((mount, index) => (
          <div key={index} className="flex flex-wrap items-center gap-1.5">
            <Select
              aria-label={t('mountTypeOf', { index: index + 1 })}
              className="w-24!"
              value={mount.type}
              onChange={(event) =>
                onChange(replaceAt(mounts, index, { type: event.target.value as MountLine['type'] }))
              }
            >
              <option value="volume">volume</option>
              <option value="bind">bind</option>
              <option value="tmpfs">tmpfs</option>
            </Select>
            {mount.type === 'tmpfs' ? null : (
              <TextInput
                mono
                aria-label={t('mountSourceOf', { index: index + 1 })}
                placeholder={mount.type === 'volume' ? 'data' : '/srv/data'}
                className="w-40!"
                value={mount.source}
                onChange={(event) => onChange(replaceAt(mounts, index, { source: event.target.value }))}
              />
            )}
            <span aria-hidden="true" className="text-muted">
              →
            </span>
            <TextInput
              mono
              aria-label={t('mountTargetOf', { index: index + 1 })}
              aria-invalid={error === undefined ? undefined : true}
              placeholder="/var/lib/data"
              className="w-40!"
              value={mount.target}
              onChange={(event) => onChange(replaceAt(mounts, index, { target: event.target.value }))}
            />
            <label className="flex items-center gap-1.5">
              <input
                type="checkbox"
                checked={mount.readOnly}
                onChange={(event) => onChange(replaceAt(mounts, index, { readOnly: event.target.checked }))}
                className="size-4 accent-accent"
              />
              {t('readOnly')}
            </label>
            <IconButton
              label={t('removeMount', { index: index + 1 })}
              onClick={() => onChange(without(mounts, index))}
            >
              <X size={14} />
            </IconButton>
          </div>
        ))}
        <Button
          icon={<Plus size={14} />}
          onClick={() => onChange([...mounts, { type: 'volume', source: '', target: '', readOnly: false }])}
        >
          {t('addMount')}
        </Button>
      </div>
      <ErrorLine error={error} />
    </div>
  );
}

interface PayloadRowsProps extends RowsProps<PayloadLine> {
  readonly label: string;
  readonly choices: readonly { readonly id: string; readonly spec: { readonly name: string } }[];
  readonly chosen: readonly PayloadLine[];
  /** Where a bare file name ends up inside the container. */
  readonly prefix: string;
}

export function PayloadRows({ label, choices, chosen, prefix, error, onChange }: PayloadRowsProps) {
  const t = useTranslations('deploy');
  const left = choices.filter((choice) => !chosen.some(({ id }) => id === choice.id));
  return (
    <fieldset>
      <legend className="mb-1 font-medium">{label}</legend>
      <div className="space-y-1.5">
        {chosen.map((line, index) => (
          <div key={line.id} className="flex flex-wrap items-center gap-1.5">
            <code className="min-w-32">{line.name}</code>
            <span aria-hidden="true" className="text-muted">
              → {prefix}
            </span>
            <TextInput
              mono
              aria-label={t('payloadTargetOf', { name: line.name })}
              placeholder={line.name}
              className="w-40!"
              value={line.target}
              onChange={(event) => onChange(replaceAt(chosen, index, { target: event.target.value }))}
            />
            <IconButton
              label={t('removePayload', { name: line.name })}
              onClick={() => onChange(without(chosen, index))}
            >
              <X size={14} />
            </IconButton>
          </div>
        ))}
        {left.length === 0 ? (
          chosen.length === 0 ? (
            <p className="text-muted">{t('noPayloads')}</p>
          ) : null
        ) : (
          <Select
            aria-label={t('choosePayload', { kind: label })}
            className="w-60!"
            value=""
            onChange={(event) => {
              const choice = left.find(({ id }) => id === event.target.value);
              if (choice !== undefined) {
                onChange([...chosen, { id: choice.id, name: choice.spec.name, target: '' }]);
              }
            }}
          >
            <option value="">{t('choose')}</option>
            {left.map(({ id, spec }) => (
              <option key={id} value={id}>
                {spec.name}
              </option>
            ))}
          </Select>
        )}
      </div>
      <ErrorLine error={error} />
    </fieldset>
  );
}
