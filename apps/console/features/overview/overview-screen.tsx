'use client';

import { Plus, ServerCog } from 'lucide-react';
import { useTranslations } from 'use-intl';

import { faultTolerance, problemsOf, verdictOf } from '../../live/attention.ts';
import { useCluster, useIsLoaded } from '../../live/live.tsx';
import { LinkButton } from '../../ui/button.tsx';
import { Page } from '../../ui/page.tsx';
import { routes } from '../../ui/routes.ts';
import { Empty, Loading, Panel } from '../../ui/screens.tsx';
import { useCan } from '../session/session.tsx';
import { Attention } from './attention.tsx';
import { Figures } from './figures.tsx';
import { NodeTiles } from './node-tiles.tsx';
import { RecentEvents } from './recent-events.tsx';
import { Rollouts, rollingOut } from './rollouts.tsx';

/** Is it well, and if not: what, where, since when, and what to do. */
export function OverviewScreen() {
  const t = useTranslations('overview');
  const isLoaded = useIsLoaded();
  const cluster = useCluster();
  const canDeploy = useCan('service.write');
  const canJoin = useCan('joinToken.read');
  const verdict = verdictOf(cluster);
  const problems = problemsOf(cluster);
  const rollouts = rollingOut(cluster.services);
  const { tolerance, managers } = faultTolerance(cluster.nodes);
  const sentence = !isLoaded
    ? t('title')
    : verdict.servicesDown + verdict.servicesDegraded + verdict.nodesDown === 0 && cluster.quorum
      ? t('allWell', { services: verdict.services, nodes: verdict.nodes })
      : [
          cluster.quorum ? '' : t('noQuorum'),
          verdict.servicesDown > 0 ? t('servicesDown', { count: verdict.servicesDown }) : '',
          verdict.servicesDegraded > 0 ? t('servicesDegraded', { count: verdict.servicesDegraded }) : '',
          verdict.nodesDown > 0 ? t('nodesDown', { count: verdict.nodesDown }) : '',
        ]
          .filter((part) => part !== '')
          .join(', ');
  return (
    <Page
      title={t('title')}
      heading={sentence}
      actions={
        <>
          {canJoin ? (
            <LinkButton href={routes.addNode()} icon={<ServerCog size={16} strokeWidth={1.75} />}>
              {t('addNode')}
            </LinkButton>
          ) : null}
          {canDeploy ? (
            <LinkButton href={routes.deploy()} tone="primary" icon={<Plus size={16} />}>
              {t('deploy')}
            </LinkButton>
          ) : null}
        </>
      }
    >
      {isLoaded ? (
        <div className="space-y-4 px-4 sm:px-6">
          <Figures cluster={cluster} tolerance={tolerance} managers={managers} />
          <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
            <div className="min-w-0 space-y-4">
              <Panel title={t('attention')} isFlush>
                <Attention problems={problems} />
              </Panel>
              <Panel title={t('nodes')} isFlush className="overflow-hidden">
                <NodeTiles nodes={cluster.nodes} />
              </Panel>
            </div>
            <div className="min-w-0 space-y-4">
              <Panel title={t('inProgress')} isFlush>
                <Rollouts rollouts={rollouts} />
              </Panel>
              <Panel title={t('events')} isFlush>
                <RecentEvents />
              </Panel>
            </div>
          </div>
          {cluster.services.length === 0 ? (
            <Panel>
              <Empty
                title={t('emptyTitle')}
                command="swarm service create --name hello --publish 8080:80 nginx:alpine"
              >
                {t('emptyText')}
              </Empty>
            </Panel>
          ) : null}
        </div>
      ) : (
        <Loading />
      )}
    </Page>
  );
}
