'use client';

import type { Permission } from '@skep/contract';
import { useTranslations } from 'use-intl';

import { useConnection } from '../../live/live.tsx';
import { useMe } from './session.tsx';

/** Why a change cannot be made now, in one sentence; `undefined` when it can. */
export function useBlocked(permission: Permission): string | undefined {
  const t = useTranslations('shell.blocked');
  const me = useMe();
  const { freshness, quorum } = useConnection();
  if (!quorum) {
    return t('quorum');
  }
  if (freshness === 'reconnecting' || freshness === 'offline') {
    return t('disconnected');
  }
  if (me !== undefined && !me.permissions.includes(permission)) {
    return t('permission', { permission, role: me.role });
  }
  return undefined;
}
