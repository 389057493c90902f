'use client';

import clsx from 'clsx';
import { useRouter } from 'next/navigation';
import { Dialog as Primitive } from 'radix-ui';
import { useId, useMemo, useState } from 'react';
import type { KeyboardEvent } from 'react';
import { useTranslations } from 'use-intl';

import { fuzzyBest } from '../../live/fuzzy.ts';
import { useRows, useSummaries } from '../../live/live.tsx';
import { nodeName } from '../../live/rows.ts';
import { nodeState } from '../../live/state.ts';
import type { ViewState } from '../../live/state.ts';
import { Kbd } from '../../ui/kbd.tsx';
import { setPreferences, usePreferences } from '../../ui/preferences.ts';
import { routes } from '../../ui/routes.ts';
import { StateGlyph } from '../../ui/state-glyph.tsx';
import { useCan } from '../session/session.tsx';

const SHOWN_MAX = 12;

interface Item {
  readonly key: string;
  readonly label: string;
  readonly kind: string;
  readonly state?: ViewState;
  readonly shortcut?: string;
  readonly run: () => void;
}

/** Everything that can be opened or done, in the order shown before anything is typed. */
function useItems(): readonly Item[] {
  const t = useTranslations('palette');
  const shell = useTranslations('shell');
  const router = useRouter();
  const services = useSummaries();
  const nodes = useRows('nodes');
  const stacks = useRows('stacks');
  const { theme } = usePreferences();
  const canDeploy = useCan('service.write');
  const canJoin = useCan('joinToken.read');
  return useMemo(() => {
    const open = (key: string, label: string, href: string, part: Partial<Item> = {}): Item => ({
      key,
      label,
      kind: t('page'),
      run: () => {
        router.push(href);
      },
      ...part,
    });
    const other = theme === 'dark' ? 'light' : 'dark';
    return [
      ...(canDeploy
        ? [
            open('deploy', t('deployService'), routes.deploy(), { kind: t('action') }),
            open('stack', t('deployStack'), routes.newStack(), { kind: t('action') }),
          ]
        : []),
      ...(canJoin ? [open('join', t('addNode'), routes.addNode(), { kind: t('action') })] : []),
      open('overview', shell('entries.overview'), routes.overview(), { shortcut: 'g o' }),
      open('services', shell('entries.services'), routes.services(), { shortcut: 'g s' }),
      open('stacks', shell('entries.stacks'), routes.stacks(), { shortcut: 'g t' }),
      open('nodes', shell('entries.nodes'), routes.nodes(), { shortcut: 'g n' }),
      open('networks', shell('entries.networks'), routes.networks()),
      open('secrets', shell('entries.secrets'), routes.secrets(), { shortcut: 'g c' }),
      open('events', shell('entries.events'), routes.events(), { shortcut: 'g e' }),
      open('me', shell('settings'), routes.me(), { shortcut: 'g ,' }),
      {
        key: 'theme',
        label: shell('switchTheme', { theme: shell(`themes.${other}`) }),
        kind: t('action'),
        run: () => {
          setPreferences({ theme: other });
        },
      },
      ...services.flatMap(({ service, summary }) => {
        const { name } = service.spec;
        return [
          open(`service ${service.id}`, name, routes.service({ name }), {
            kind: t('service'),
            state: summary.state,
          }),
          open(`logs ${service.id}`, t('logs', { name }), routes.service({ name, tab: 'logs' }), {
            kind: t('action'),
          }),
        ];
      }),
      ...stacks.map(({ id, name }) =>
        open(`stack ${id}`, name, routes.stack({ name }), { kind: t('stack') }),
      ),
      ...nodes.map((node) =>
        open(`node ${node.id}`, nodeName(node), routes.node({ name: nodeName(node) }), {
          kind: t('node'),
          state: nodeState(node),
        }),
      ),
    ];
  }, [t, shell, router, services, stacks, nodes, theme, canDeploy, canJoin]);
}

/** Goes anywhere and does the usual things by a few letters (console.md 17). */
export function Palette({ onClose }: { readonly onClose: () => void }) {
  const t = useTranslations('palette');
  const id = useId();
  const items = useItems();
  const [query, setQuery] = useState('');
  const [active, setActive] = useState(0);
  const found = useMemo(
    () => fuzzyBest(query, items, { textOf: ({ label }) => label, limit: SHOWN_MAX }),
    [query, items],
  );
  const at = Math.min(active, Math.max(0, found.length - 1));
  const choose = (item: Item | undefined) => {
    if (item !== undefined) {
      onClose();
      item.run();
    }
  };
  const onKey = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      setActive((at + step + found.length) % Math.max(1, found.length));
    }
    if (event.key === 'Enter') {
      event.preventDefault();
      choose(found[at]);
    }
  };
  return (
    <Primitive.Root open onOpenChange={onClose}>
      <Primitive.Portal>
        <Primitive.Overlay className="fixed inset-0 z-40 animate-fade bg-shade" />
        <Primitive.Content
          aria-describedby={undefined}
          className="fixed inset-x-3 top-[8vh] z-50 mx-auto flex max-h-[76vh] max-w-xl animate-rise flex-col overflow-hidden rounded-lg border border-line bg-surface shadow-float"
        >
          <Primitive.Title className="sr-only">{t('title')}</Primitive.Title>
          <input
            role="combobox"
            aria-expanded="true"
            aria-controls={`${id}-list`}
            aria-activedescendant={found[at] === undefined ? undefined : `${id}-${String(at)}`}
            aria-label={t('title')}
            placeholder={t('title')}
            autoComplete="off"
            spellCheck={false}
            value={query}
            onChange={(event) => {
              setQuery(event.target.value);
              setActive(0);
            }}
            onKeyDown={onKey}
            className="h-12 shrink-0 border-b border-line bg-transparent px-4 text-base outline-none"
          />
          <ul
            id={`${id}-list`}
            role="listbox"
            aria-label={t('title')}
            className="min-h-0 flex-1 overflow-y-auto p-1.5"
          >
            {found.map((item, index) => (
              <li
                key={item.key}
                id={`${id}-${String(index)}`}
                role="option"
                aria-selected={index === at}
                onPointerMove={() => {
                  setActive(index);
                }}
                onClick={() => {
                  choose(item);
                }}
                className={clsx('flex h-9 items-center gap-3 rounded-sm px-3', index === at && 'bg-raised')}
              >
                <span className="flex w-3 justify-center">
                  {item.state === undefined ? null : (
                    <StateGlyph glyph={item.state.glyph} family={item.state.family} />
                  )}
                </span>
                <span className="min-w-0 flex-1 truncate font-medium">{item.label}</span>
                {item.shortcut === undefined ? null : <Kbd>{item.shortcut}</Kbd>}
                <span className="text-xs text-muted">{item.kind}</span>
              </li>
            ))}
          </ul>
          {found.length === 0 ? <p className="px-4 pb-4 text-muted">{t('nothing')}</p> : null}
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}
