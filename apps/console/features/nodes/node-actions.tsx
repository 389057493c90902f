'use client';

import { ArrowDown, ArrowUp, Crown, Ellipsis, PauseCircle, PlayCircle, Trash2, Waves } from 'lucide-react';
import { createContext, lazy, Suspense, useContext, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslations } from 'use-intl';

import { nodeName } from '../../live/rows.ts';
import type { NodeRow } from '../../live/rows.ts';
import { Button, IconButton } from '../../ui/button.tsx';
import { Menu } from '../../ui/menu.tsx';
import { useBlocked } from '../session/blocked.ts';

const NodeDialog = lazy(() => import('./node-dialog.tsx').then((module) => ({ default: module.NodeDialog })));

export type NodeVerb = 'drain' | 'pause' | 'active' | 'promote' | 'demote' | 'remove';

interface Wanted {
  readonly verb: NodeVerb;
  readonly node: NodeRow;
}

const AskContext = createContext<(verb: NodeVerb, node: NodeRow) => void>(() => undefined);

export function NodeActions({ children }: { readonly children: ReactNode }) {
  const [wanted, setWanted] = useState<Wanted>();
  const ask = useMemo(
    () => (verb: NodeVerb, node: NodeRow) => {
      setWanted({ verb, node });
    },
    [],
  );
  return (
    <AskContext value={ask}>
      {children}
      {wanted === undefined ? null : (
        <Suspense>
          <NodeDialog
            {...wanted}
            onClose={() => {
              setWanted(undefined);
            }}
          />
        </Suspense>
      )}
    </AskContext>
  );
}

export function RoleName({ node }: { readonly node: NodeRow }) {
  const t = useTranslations('nodes');
  return (
    <span className="inline-flex items-center gap-1.5 whitespace-nowrap">
      {node.manager?.isLeader === true ? (
        <>
          <Crown size={13} strokeWidth={1.75} aria-hidden="true" />
          {t('leader')}
        </>
      ) : (
        t(`roles.${node.spec.role}`)
      )}
    </span>
  );
}

/** The verb that is wanted most: take work off the node, or let it back. */
export function NodeVerbButton({ node }: { readonly node: NodeRow }) {
  const t = useTranslations('nodes');
  const ask = useContext(AskContext);
  const operate = useBlocked('node.operate');
  const verb = node.spec.availability === 'active' ? 'drain' : 'active';
  return (
    <Button
      icon={
        verb === 'drain' ? (
          <Waves size={14} strokeWidth={1.75} />
        ) : (
          <PlayCircle size={14} strokeWidth={1.75} />
        )
      }
      blocked={operate}
      onClick={() => {
        ask(verb, node);
      }}
    >
      {t(`verbs.${verb}`)}
    </Button>
  );
}

export function NodeMenu({ node, isPlain = false }: { readonly node: NodeRow; readonly isPlain?: boolean }) {
  const t = useTranslations('nodes');
  const ask = useContext(AskContext);
  const operate = useBlocked('node.operate');
  const write = useBlocked('node.write');
  const { availability, role } = node.spec;
  const entry = (verb: NodeVerb, icon: ReactNode, blocked: string | undefined) => ({
    key: verb,
    label: t(`verbs.${verb}`),
    icon,
    blocked,
    tone: verb === 'remove' ? ('danger' as const) : ('plain' as const),
    onSelect: () => {
      ask(verb, node);
    },
  });
  return (
    <Menu
      heading={nodeName(node)}
      trigger={
        <IconButton label={t('actionsOf', { name: nodeName(node) })} tone={isPlain ? 'plain' : 'ghost'}>
          <Ellipsis size={16} />
        </IconButton>
      }
      entries={[
        ...(availability === 'active'
          ? [entry('drain', <Waves size={14} />, operate), entry('pause', <PauseCircle size={14} />, operate)]
          : [entry('active', <PlayCircle size={14} />, operate)]),
        role === 'worker'
          ? entry('promote', <ArrowUp size={14} />, write)
          : entry('demote', <ArrowDown size={14} />, write),
        'line' as const,
        entry('remove', <Trash2 size={14} />, write),
      ]}
    />
  );
}
