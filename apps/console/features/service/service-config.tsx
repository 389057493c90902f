'use client';

import type { ReactNode } from 'react';
import { useTranslations } from 'use-intl';

import { useRows } from '../../live/live.tsx';
import type { ServiceRow } from '../../live/rows.ts';
import { MaskedValue } from '../../ui/masked-value.tsx';
import { useDuration } from '../../ui/quantity.tsx';
import { Fact, Facts, Panel } from '../../ui/screens.tsx';

/** What the service is told to be, section by section. */
export function ServiceConfig({ service }: { readonly service: ServiceRow }) {
  const t = useTranslations('service');
  const duration = useDuration();
  const networks = useRows('networks');
  const { spec } = service;
  const { container } = spec.task;
  const env = (container.env ?? []).map((entry) => {
    const at = entry.indexOf('=');
    return at < 0 ? ([entry, ''] as const) : ([entry.slice(0, at), entry.slice(at + 1)] as const);
  });
  const networkNames = (spec.task.networks ?? []).map(
    ({ target }) => networks.find((network) => network.id === target)?.spec.name ?? target,
  );
  return (
    <div className="grid items-start gap-4 px-4 py-4 sm:px-6 lg:grid-cols-2">
      <Section title={t('sections.command')}>
        <Fact name={t('image')}>
          <code>{container.image}</code>
        </Fact>
        <Fact name={t('entrypoint')}>
          <Words words={container.command} />
        </Fact>
        <Fact name={t('arguments')}>
          <Words words={container.args} />
        </Fact>
        <Fact name={t('user')}>{container.user ?? <FromImage />}</Fact>
        <Fact name={t('directory')}>{container.dir ?? <FromImage />}</Fact>
        <Fact name={t('stopGrace')}>{duration((container.stopGracePeriodNs ?? 10e9) / 1e6)}</Fact>
      </Section>
      <Section title={t('sections.environment')}>
        {env.length === 0 ? <Nothing /> : null}
        {env.map(([name, value]) => (
          <Fact key={name} name={<code>{name}</code>}>
            <MaskedValue name={name} value={value} />
          </Fact>
        ))}
      </Section>
      <Section title={t('sections.ports')}>
        {(spec.endpoint?.ports ?? []).length === 0 ? <Nothing /> : null}
        {(spec.endpoint?.ports ?? []).map((port) => (
          <Fact
            key={`${String(port.publishedPort)} ${String(port.targetPort)} ${port.protocol}`}
            name={<code>{port.publishedPort ?? t('anyPort')}</code>}
          >
            <code>
              {port.targetPort}/{port.protocol}
            </code>{' '}
            <span className="text-muted">{t(`publish.${port.publishMode}`)}</span>
          </Fact>
        ))}
        <Fact name={t('networks')}>{networkNames.length === 0 ? t('nothing') : networkNames.join(', ')}</Fact>
      </Section>
      <HealthSection health={container.healthcheck} />
      <StorageSections container={container} />
      <Section title={t('sections.labels')}>
        {Object.keys(spec.labels ?? {}).length === 0 ? <Nothing /> : null}
        {Object.entries(spec.labels ?? {}).map(([key, value]) => (
          <Fact key={key} name={<code className="break-all">{key}</code>}>
            <code className="break-all">{value}</code>
          </Fact>
        ))}
      </Section>
    </div>
  );
}

function Section({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <Panel title={title}>
      <Facts>{children}</Facts>
    </Panel>
  );
}

function Words({ words }: { readonly words: readonly string[] | undefined }) {
  return words === undefined || words.length === 0 ? (
    <FromImage />
  ) : (
    <code className="break-words">
      {words.map((word) => (/\s/.test(word) ? JSON.stringify(word) : word)).join(' ')}
    </code>
  );
}

function FromImage() {
  const t = useTranslations('service');
  return <span className="text-muted">{t('fromImage')}</span>;
}

function Nothing() {
  const t = useTranslations('service');
  return (
    <Fact name={<span className="text-muted">{t('nothing')}</span>}>
      <span />
    </Fact>
  );
}

type Container = ServiceRow['spec']['task']['container'];

function HealthSection({ health }: { readonly health: Container['healthcheck'] }) {
  const t = useTranslations('service');
  const duration = useDuration();
  return (
    <Section title={t('sections.health')}>
      {health?.test === undefined || health.test.length === 0 ? (
        <Fact name={t('test')}>
          <FromImage />
        </Fact>
      ) : (
        <>
          <Fact name={t('test')}>
            <Words words={health.test} />
          </Fact>
          <Fact name={t('interval')}>{duration((health.intervalNs ?? 30e9) / 1e6)}</Fact>
          <Fact name={t('timeout')}>{duration((health.timeoutNs ?? 30e9) / 1e6)}</Fact>
          <Fact name={t('retries')}>{health.retries ?? 3}</Fact>
        </>
      )}
    </Section>
  );
}

function StorageSections({ container }: { readonly container: Container }) {
  const t = useTranslations('service');
  return (
    <>
      <Section title={t('sections.storage')}>
        {(container.mounts ?? []).length === 0 ? <Nothing /> : null}
        {(container.mounts ?? []).map((mount) => (
          <Fact key={mount.target} name={<code>{mount.target}</code>}>
            <span className="text-muted">{mount.type}</span> <code>{mount.source ?? ''}</code>{' '}
            {mount.readOnly === true ? <span className="text-muted">{t('readOnly')}</span> : null}
          </Fact>
        ))}
      </Section>
      <Section title={t('sections.payloads')}>
        {(container.secrets ?? []).length + (container.configs ?? []).length === 0 ? <Nothing /> : null}
        {(container.secrets ?? []).map((secret) => (
          <Fact key={secret.secretId} name={t('secret')}>
            <code>{secret.secretName}</code> → <code>{secret.file.name}</code>
          </Fact>
        ))}
        {(container.configs ?? []).map((config) => (
          <Fact key={config.configId} name={t('config')}>
            <code>{config.configName}</code> → <code>{config.file.name}</code>
          </Fact>
        ))}
      </Section>
    </>
  );
}
