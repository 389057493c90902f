'use client';

import clsx from 'clsx';
import {
  Boxes,
  CircleGauge,
  Cpu,
  Ellipsis,
  FileLock2,
  KeyRound,
  Layers,
  Network,
  PanelLeftClose,
  PanelLeftOpen,
  ScrollText,
  ShieldCheck,
} from 'lucide-react';
import type { LucideIcon } from 'lucide-react';
import Link from 'next/link';
import { usePathname, useRouter } from 'next/navigation';
import { useTranslations } from 'use-intl';

import type { Permission } from '@skep/contract';

import { verdictOf } from '../../live/attention.ts';
import { useCluster } from '../../live/live.tsx';
import type { Family } from '../../live/state.ts';
import { IconButton } from '../../ui/button.tsx';
import { Menu } from '../../ui/menu.tsx';
import { setPreferences, usePreferences } from '../../ui/preferences.ts';
import { routes } from '../../ui/routes.ts';
import { Mark } from '../../ui/slot-bar.tsx';
import { Tooltip } from '../../ui/tooltip.tsx';
import { useMe } from '../session/session.tsx';

type EntryKey =
  'overview' | 'stacks' | 'services' | 'nodes' | 'networks' | 'secrets' | 'events' | 'audit' | 'tokens';

interface Entry {
  readonly key: EntryKey;
  readonly href: string;
  readonly icon: LucideIcon;
  /** Paths of the pages below it, so that the entry stays marked there. */
  readonly below: readonly string[];
  readonly permission?: Permission;
}

const GROUPS: readonly {
  readonly key: 'run' | 'cluster' | 'data' | 'control';
  readonly entries: readonly Entry[];
}[] = [
  {
    key: 'run',
    entries: [
      { key: 'overview', href: routes.overview(), icon: CircleGauge, below: [] },
      { key: 'stacks', href: routes.stacks(), icon: Layers, below: ['/stack', '/stacks/new'] },
      { key: 'services', href: routes.services(), icon: Boxes, below: ['/service', '/task', '/deploy'] },
    ],
  },
  {
    key: 'cluster',
    entries: [
      { key: 'nodes', href: routes.nodes(), icon: Cpu, below: ['/node', '/nodes/add'] },
      { key: 'networks', href: routes.networks(), icon: Network, below: [] },
    ],
  },
  {
    key: 'data',
    entries: [{ key: 'secrets', href: routes.secrets(), icon: FileLock2, below: ['/configs'] }],
  },
  {
    key: 'control',
    entries: [
      { key: 'events', href: routes.events(), icon: ScrollText, below: [] },
      { key: 'audit', href: routes.audit(), icon: ShieldCheck, below: [], permission: 'audit.read' },
      { key: 'tokens', href: routes.tokens(), icon: KeyRound, below: [], permission: 'token.own' },
    ],
  },
];

function isHere(entry: Entry, pathname: string): boolean {
  return pathname === entry.href || entry.below.includes(pathname);
}

/** Counts that need someone: services and nodes that are not well. */
function useBadges(): Partial<Record<EntryKey, { readonly count: number; readonly family: Family }>> {
  const verdict = verdictOf(useCluster());
  const services = verdict.servicesDown + verdict.servicesDegraded;
  return {
    ...(services > 0
      ? { services: { count: services, family: verdict.servicesDown > 0 ? 'bad' : 'warn' } as const }
      : {}),
    ...(verdict.nodesDown > 0 ? { nodes: { count: verdict.nodesDown, family: 'bad' } as const } : {}),
  };
}

function useEntries(): readonly {
  readonly key: (typeof GROUPS)[number]['key'];
  readonly entries: readonly Entry[];
}[] {
  const permissions = useMe()?.permissions ?? [];
  return GROUPS.map((group) => ({
    ...group,
    entries: group.entries.filter(
      (entry) => entry.permission === undefined || permissions.includes(entry.permission),
    ),
  }));
}

export function Navigation() {
  const t = useTranslations('shell');
  const pathname = usePathname();
  const badges = useBadges();
  const groups = useEntries();
  const { navigation } = usePreferences();
  const isRail = navigation === 'rail';
  return (
    <nav
      aria-label={t('navigation')}
      className={clsx(
        'hidden shrink-0 flex-col border-r border-line bg-surface sm:flex',
        isRail ? 'w-14' : 'w-14 md:w-[216px]',
      )}
    >
      <Link
        href={routes.overview()}
        prefetch={false}
        className={clsx(
          'flex h-12 items-center gap-2.5 px-4 focus-visible:outline-offset-[-2px]',
          isRail && 'justify-center px-0',
        )}
      >
        <Mark size={22} />
        <span
          className={clsx('text-md font-semibold tracking-[-0.01em]', isRail ? 'sr-only' : 'max-md:sr-only')}
        >
          Skep
        </span>
      </Link>
      <div className="flex-1 space-y-4 overflow-y-auto px-2 py-2">
        {groups.map((group) => (
          <section key={group.key} aria-labelledby={`nav-${group.key}`}>
            <h2
              id={`nav-${group.key}`}
              className={clsx(
                'px-2 pb-1 text-2xs font-medium text-muted',
                isRail ? 'sr-only' : 'max-md:sr-only',
              )}
            >
              {t(`groups.${group.key}`)}
            </h2>
            <ul className="space-y-px">
              {group.entries.map((entry) => (
                <NavigationEntry
                  key={entry.key}
                  entry={entry}
                  isCurrent={isHere(entry, pathname)}
                  isRail={isRail}
                  badge={badges[entry.key]}
                />
              ))}
            </ul>
          </section>
        ))}
      </div>
      <div className="hidden border-t border-line p-2 md:block">
        <IconButton
          label={isRail ? t('widen') : t('narrow')}
          onClick={() => {
            setPreferences({ navigation: isRail ? 'wide' : 'rail' });
          }}
        >
          {isRail ? (
            <PanelLeftOpen size={16} strokeWidth={1.75} />
          ) : (
            <PanelLeftClose size={16} strokeWidth={1.75} />
          )}
        </IconButton>
      </div>
    </nav>
  );
}

interface NavigationEntryProps {
  readonly entry: Entry;
  readonly isCurrent: boolean;
  readonly isRail: boolean;
  readonly badge: { readonly count: number; readonly family: Family } | undefined;
}

function NavigationEntry({ entry, isCurrent, isRail, badge }: NavigationEntryProps) {
  const t = useTranslations('shell');
  const Icon = entry.icon;
  const label = t(`entries.${entry.key}`);
  const link = (
    <Link
      href={entry.href}
      aria-current={isCurrent ? 'page' : undefined}
      className={clsx(
        'relative flex h-8 items-center gap-2.5 rounded-sm px-2 font-medium focus-visible:outline-offset-[-2px]',
        isCurrent
          ? 'bg-raised text-text before:absolute before:inset-y-1.5 before:-left-2 before:w-0.5 before:rounded-full before:bg-accent'
          : 'text-muted hover:bg-raised hover:text-text',
        isRail && 'justify-center',
      )}
    >
      <Icon size={16} strokeWidth={1.75} aria-hidden="true" className="shrink-0" />
      <span className={clsx('min-w-0 flex-1 truncate', isRail ? 'sr-only' : 'max-md:sr-only')}>{label}</span>
      {badge === undefined ? null : (
        <span
          className={clsx(
            'rounded-full px-1.5 text-2xs font-semibold figures',
            badge.family === 'bad' ? 'bg-bad text-bg' : 'bg-warn text-bg',
            isRail ? 'absolute top-0 right-0' : 'max-md:absolute max-md:top-0 max-md:right-0',
          )}
        >
          {badge.count}
          <span className="sr-only"> {t('badge')}</span>
        </span>
      )}
    </Link>
  );
  return (
    <li>
      {isRail ? (
        <Tooltip text={label} side="right">
          {link}
        </Tooltip>
      ) : (
        link
      )}
    </li>
  );
}

const PHONE_KEYS: readonly EntryKey[] = ['overview', 'services', 'stacks', 'nodes'];

/** Navigation of a phone: four places and the rest behind "More". */
export function BottomBar() {
  const t = useTranslations('shell');
  const router = useRouter();
  const pathname = usePathname();
  const badges = useBadges();
  const entries = useEntries().flatMap((group) => group.entries);
  const item =
    'relative flex h-14 w-full min-w-0 flex-col items-center justify-center gap-0.5 text-2xs font-medium whitespace-nowrap focus-visible:outline-offset-[-2px]';
  return (
    <nav aria-label={t('navigation')} className="flex border-t border-line bg-surface sm:hidden">
      {entries
        .filter((entry) => PHONE_KEYS.includes(entry.key))
        .map((entry) => {
          const Icon = entry.icon;
          const badge = badges[entry.key];
          const isCurrent = isHere(entry, pathname);
          return (
            <Link
              key={entry.key}
              href={entry.href}
              aria-current={isCurrent ? 'page' : undefined}
              className={clsx(item, isCurrent ? 'text-accent' : 'text-muted')}
            >
              <Icon size={20} strokeWidth={1.75} aria-hidden="true" />
              {t(`entries.${entry.key}`)}
              {badge === undefined ? null : (
                <span
                  className={clsx(
                    'absolute top-1.5 left-1/2 ml-2 rounded-full px-1.5 text-2xs leading-4 font-semibold text-bg figures',
                    badge.family === 'bad' ? 'bg-bad' : 'bg-warn',
                  )}
                >
                  {badge.count}
                  <span className="sr-only"> {t('badge')}</span>
                </span>
              )}
            </Link>
          );
        })}
      <Menu
        trigger={
          <button type="button" className={clsx(item, 'text-muted')}>
            <Ellipsis size={20} strokeWidth={1.75} aria-hidden="true" />
            {t('more')}
          </button>
        }
        entries={entries
          .filter((entry) => !PHONE_KEYS.includes(entry.key))
          .map((entry) => ({
            key: entry.key,
            label: t(`entries.${entry.key}`),
            icon: <entry.icon size={16} strokeWidth={1.75} />,
            onSelect: () => {
              router.push(entry.href);
            },
          }))}
      />
    </nav>
  );
}
