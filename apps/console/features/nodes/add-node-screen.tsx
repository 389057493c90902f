'use client';

import { useState } from 'react';
import { useTranslations } from 'use-intl';

import { call } from '../../api/call.ts';
import { useAction, useAsk } from '../../api/use-call.ts';
import { faultTolerance } from '../../live/attention.ts';
import { useIsLoaded, useRows } from '../../live/live.tsx';
import { nodeName } from '../../live/rows.ts';
import { nodeState } from '../../live/state.ts';
import { Button } from '../../ui/button.tsx';
import { CopyField } from '../../ui/copy.tsx';
import { EntityLink, Page } from '../../ui/page.tsx';
import { Bytes, Cpus, RelTime } from '../../ui/quantity.tsx';
import { InlineProblem, toProblem } from '../../ui/problem.tsx';
import { routes } from '../../ui/routes.ts';
import { ErrorState, Loading, Panel } from '../../ui/screens.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { StateGlyph } from '../../ui/state-glyph.tsx';
import { useBlocked } from '../session/blocked.ts';

type Role = 'worker' | 'manager';

function mask(token: string): string {
  return token.replace(/^(SWMTKN-1-.{4}).*(.{4})$/, '$1…$2');
}

/** The command that joins a host, and the hosts that arrive while the page is open. */
export function AddNodeScreen() {
  const t = useTranslations('join');
  const n = useTranslations('nodes');
  const isLoaded = useIsLoaded();
  const asked = useAsk('join-tokens', (signal) => call('getJoinTokens', { signal }));
  return (
    <Page title={t('title')} crumbs={[{ label: n('title'), href: routes.nodes() }]} width="reading">
      {asked.error !== undefined && asked.data === undefined ? (
        <ErrorState title={t('failed')} problem={toProblem(asked.error)} onRetry={asked.reload} />
      ) : null}
      {asked.data === undefined || !isLoaded ? (
        asked.error === undefined ? (
          <Loading />
        ) : null
      ) : (
        <Ready tokens={asked.data} onRotated={asked.reload} />
      )}
    </Page>
  );
}

interface ReadyProps {
  readonly tokens: { readonly worker: string; readonly manager: string };
  readonly onRotated: () => void;
}

function Ready({ tokens, onRotated }: ReadyProps) {
  const t = useTranslations('join');
  const n = useTranslations('nodes');
  const nodes = useRows('nodes');
  const [role, setRole] = useState<Role>('worker');
  const [isShown, setShown] = useState(false);
  const blocked = useBlocked('joinToken.rotate');
  const rotate = useAction(async () => {
    await call('rotateJoinToken', { body: { role } });
    onRotated();
  });
  const { managers } = faultTolerance(nodes);
  const leader = nodes.find((node) => node.manager?.isLeader === true);
  const address = leader?.manager?.addr ?? `${window.location.hostname}:2377`;
  const command = `swarm join --token ${tokens[role]} ${address}`;
  const mayFail = (count: number) => Math.max(0, count - (Math.floor(count / 2) + 1));
  return (
    <div className="grid items-start gap-4 px-4 sm:px-6 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
      <div className="min-w-0 space-y-4">
        <Panel title={t('role')}>
          <fieldset className="space-y-2">
            <legend className="sr-only">{t('role')}</legend>
            {(['worker', 'manager'] as const).map((each) => (
              <label key={each} className="flex items-start gap-2">
                <input
                  type="radio"
                  name="role"
                  checked={role === each}
                  onChange={() => {
                    setRole(each);
                  }}
                  className="mt-1 accent-accent"
                />
                <span>
                  <span className="font-medium">{n(`roles.${each}`)}</span>
                  <span className="block text-muted">
                    {each === 'worker'
                      ? t('workerText')
                      : t('managerText', {
                          managers: managers + 1,
                          before: mayFail(managers),
                          after: mayFail(managers + 1),
                        })}
                  </span>
                </span>
              </label>
            ))}
          </fieldset>
        </Panel>
        <Panel
          title={t('command')}
          actions={
            <Button
              tone="ghost"
              aria-pressed={isShown}
              onClick={() => {
                setShown(!isShown);
              }}
            >
              {isShown ? t('hide') : t('reveal')}
            </Button>
          }
        >
          <div className="space-y-3">
            <p className="text-muted">{t('commandText')}</p>
            <CopyField
              label={t('command')}
              text={command}
              shown={isShown ? command : command.replace(tokens[role], mask(tokens[role]))}
            />
            <p className="flex flex-wrap items-center gap-2 text-muted">
              <span className="flex-1">{t('rotateText')}</span>
              <Button blocked={blocked} busy={rotate.isBusy} onClick={() => void rotate.run()}>
                {t('rotate')}
              </Button>
            </p>
            <InlineProblem error={rotate.error} />
          </div>
        </Panel>
        <Panel title={t('checklist')}>
          <ul className="list-inside list-disc space-y-1 text-muted">
            <li>
              {t.rich('portManager', { code: (chunks) => <code className="text-text">{chunks}</code> })}
            </li>
            <li>{t.rich('portVxlan', { code: (chunks) => <code className="text-text">{chunks}</code> })}</li>
            <li>{t('clock')}</li>
          </ul>
        </Panel>
      </div>
      <Arrivals />
    </div>
  );
}

/** Nodes that appear after the page was opened. */
function Arrivals() {
  const t = useTranslations('join');
  const nodes = useRows('nodes');
  const [before] = useState(() => new Set(nodes.map((node) => node.id)));
  const arrived = nodes.filter((node) => !before.has(node.id));
  return (
    <Panel title={t('arrivals')} isFlush>
      <ul aria-live="polite" className="divide-y divide-line/60">
        {arrived.map((node) => (
          <li key={node.id} className="animate-rise space-y-1 px-4 py-3">
            <div className="flex items-baseline justify-between gap-3">
              <EntityLink href={routes.node({ name: nodeName(node) })}>{nodeName(node)}</EntityLink>
              <StateBadge state={nodeState(node)} />
            </div>
            <p className="flex gap-3 text-xs text-muted">
              <code>{node.status.addr}</code>
              {node.description === undefined ? (
                t('describing')
              ) : (
                <>
                  <Cpus nanos={node.description.resources.nanoCpus} />
                  <Bytes value={node.description.resources.memoryBytes} />
                </>
              )}
              <RelTime atMs={node.createdAtMs} />
            </p>
          </li>
        ))}
      </ul>
      {arrived.length === 0 ? (
        <p className="flex items-center gap-2 px-4 py-6 text-muted">
          <StateGlyph glyph="pending" family="go" />
          {t('waiting')}
        </p>
      ) : null}
    </Panel>
  );
}
