'use client';

import { Contrast, LogOut, Settings2, UserRound } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useTranslations } from 'use-intl';

import { call } from '../../api/call.ts';
import { useConnection, useRows } from '../../live/live.tsx';
import { Button } from '../../ui/button.tsx';
import { Menu } from '../../ui/menu.tsx';
import { setPreferences, usePreferences } from '../../ui/preferences.ts';
import { routes } from '../../ui/routes.ts';
import { Overlays } from '../../ui/overlays.tsx';
import { Mark } from '../../ui/slot-bar.tsx';
import { useMe, useSession } from '../session/session.tsx';
import { FreshnessPill } from './freshness-pill.tsx';
import { PaletteButton } from './palette-button.tsx';

/** Which cluster, through which manager, how fresh, and who is looking. */
export function Header() {
  const t = useTranslations('shell');
  const cluster = useRows('cluster')[0];
  const { welcome } = useConnection();
  return (
    <header className="flex h-12 shrink-0 items-center gap-3 border-b border-line bg-surface px-4 sm:px-6">
      <span className="sm:hidden">
        <Mark size={20} />
      </span>
      <div className="min-w-0 flex-1 truncate text-muted">
        <span className="font-medium text-text">{cluster?.spec.name ?? '\u00a0'}</span>
        {welcome === undefined ? null : (
          <span className="max-sm:hidden">
            {' '}
            {t.rich('servedBy', {
              node: welcome.node.name,
              code: (chunks) => <code className="text-text">{chunks}</code>,
            })}
          </span>
        )}
      </div>
      <PaletteButton />
      <FreshnessPill />
      <UserMenu />
      <Overlays />
    </header>
  );
}

function UserMenu() {
  const t = useTranslations('shell');
  const me = useMe();
  const router = useRouter();
  const { signedOut } = useSession();
  const { theme } = usePreferences();
  const nextTheme = theme === 'dark' ? 'light' : theme === 'light' ? 'system' : 'dark';
  return (
    <Menu
      trigger={
        <Button tone="ghost" icon={<UserRound size={16} strokeWidth={1.75} />}>
          <span className="max-w-32 truncate max-sm:sr-only">{me?.name ?? ''}</span>
        </Button>
      }
      heading={me === undefined ? undefined : `${me.name} · ${t(`roles.${me.role}`)}`}
      entries={[
        {
          key: 'theme',
          label: t('switchTheme', { theme: t(`themes.${nextTheme}`) }),
          icon: <Contrast size={16} strokeWidth={1.75} />,
          onSelect: () => {
            setPreferences({ theme: nextTheme });
          },
        },
        {
          key: 'me',
          label: t('settings'),
          icon: <Settings2 size={16} strokeWidth={1.75} />,
          shortcut: 'g ,',
          onSelect: () => {
            router.push(routes.me());
          },
        },
        'line',
        {
          key: 'out',
          label: t('signOut'),
          icon: <LogOut size={16} strokeWidth={1.75} />,
          onSelect: () => {
            void call('signOut')
              .catch(() => undefined)
              .then(() => {
                signedOut();
              });
          },
        },
      ]}
    />
  );
}
