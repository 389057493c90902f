'use client';

import { useTranslations } from 'use-intl';

import type { Problem } from '../../live/attention.ts';
import { nodeName } from '../../live/rows.ts';
import { LinkButton } from '../../ui/button.tsx';
import { EntityLink } from '../../ui/page.tsx';
import { RelTime } from '../../ui/quantity.tsx';
import { routes } from '../../ui/routes.ts';
import { useStateLabel } from '../../ui/state-badge.tsx';
import { FAMILY_TEXT, StateGlyph } from '../../ui/state-glyph.tsx';
import { useWhy } from '../../ui/why.tsx';

const SHOWN_MAX = 8;

function Line({ problem }: { readonly problem: Problem }) {
  const t = useTranslations('overview');
  const label = useStateLabel();
  const why = useWhy();
  switch (problem.kind) {
    case 'quorum':
      return <p className="flex-1 font-medium">{t('quorumLost')}</p>;
    case 'manager':
      return (
        <>
          <p className="min-w-0 flex-1">
            <EntityLink href={routes.node({ name: nodeName(problem.node) })}>
              {nodeName(problem.node)}
            </EntityLink>{' '}
            <span className="text-muted">{t('managerLost', { tolerance: problem.tolerance })}</span>
          </p>
          <LinkButton href={routes.node({ name: nodeName(problem.node) })}>{t('openNode')}</LinkButton>
        </>
      );
    case 'node':
      return (
        <>
          <p className="min-w-0 flex-1">
            <EntityLink href={routes.node({ name: nodeName(problem.node) })}>
              {nodeName(problem.node)}
            </EntityLink>{' '}
            <span className={FAMILY_TEXT[problem.family]}>{label(problem.state)}</span>{' '}
            <span className="text-muted">
              {problem.node.status.message ?? ''}{' '}
              {problem.node.status.sinceMs === undefined ? null : (
                <RelTime atMs={problem.node.status.sinceMs} />
              )}
            </span>
          </p>
          <LinkButton href={routes.node({ name: nodeName(problem.node) })}>{t('openNode')}</LinkButton>
        </>
      );
    case 'service':
      return (
        <>
          <div className="min-w-0 flex-1">
            <p>
              <EntityLink href={routes.service({ name: problem.service.spec.name })}>
                {problem.service.spec.name}
              </EntityLink>{' '}
              <span className={FAMILY_TEXT[problem.family]}>{label(problem.state)}</span>
            </p>
            {problem.culprit === undefined ? null : (
              <p className="text-xs break-words text-muted">
                {why(problem.culprit)} <RelTime atMs={problem.culprit.status.atMs} />
              </p>
            )}
          </div>
          {problem.culprit === undefined ? (
            <LinkButton href={routes.service({ name: problem.service.spec.name })}>
              {t('openService')}
            </LinkButton>
          ) : (
            <LinkButton href={routes.task({ id: problem.culprit.id })}>{t('explain')}</LinkButton>
          )}
        </>
      );
  }
}

/** The heart of the overview: each problem with one action; nothing to do is said too. */
export function Attention({ problems }: { readonly problems: readonly Problem[] }) {
  const t = useTranslations('overview');
  if (problems.length === 0) {
    return (
      <p className="flex items-center gap-2 px-4 py-6 text-muted">
        <StateGlyph glyph="complete" family="ok" />
        {t('nothing')}
      </p>
    );
  }
  return (
    <ul className="divide-y divide-line/60">
      {problems.slice(0, SHOWN_MAX).map((problem) => (
        <li key={`${problem.kind} ${problem.key}`} className="flex items-start gap-3 px-4 py-2.5">
          <StateGlyph
            glyph={problem.family === 'bad' ? 'failed' : 'attention'}
            family={problem.family}
            className="mt-1"
          />
          <Line problem={problem} />
        </li>
      ))}
      {problems.length > SHOWN_MAX ? (
        <li className="px-4 py-2 text-muted">{t('moreProblems', { count: problems.length - SHOWN_MAX })}</li>
      ) : null}
    </ul>
  );
}
