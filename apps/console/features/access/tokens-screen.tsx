'use client';

import type { ResponseOf } from '@skep/contract';
import { Plus, Trash2 } from 'lucide-react';
import { useMemo, useState } from 'react';
import { useFormatter, useTranslations } from 'use-intl';

import { call } from '../../api/call.ts';
import { useAction, useAsk } from '../../api/use-call.ts';
import { Button, IconButton } from '../../ui/button.tsx';
import { ConfirmRemoval } from '../../ui/confirm-removal.tsx';
import { CopyField } from '../../ui/copy.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import type { Column } from '../../ui/data-table.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Field, Select, TextInput } from '../../ui/field.tsx';
import { Page } from '../../ui/page.tsx';
import { InlineProblem, toProblem } from '../../ui/problem.tsx';
import { RelTime } from '../../ui/quantity.tsx';
import { Banner, Empty, ErrorState, Loading } from '../../ui/screens.tsx';
import { useMe } from '../session/session.tsx';
import { useBlocked } from '../session/blocked.ts';

type Token = ResponseOf<'listTokens'>['items'][number];

const ROLES = ['viewer', 'operator', 'deployer', 'admin'] as const;
const DAYS = [7, 30, 90, 365] as const;

/** Tokens for programs: shown once, ended by date. */
export function TokensScreen() {
  const t = useTranslations('tokens');
  const asked = useAsk('tokens', (signal) => call('listTokens', { signal }));
  const blocked = useBlocked('token.own');
  const [isCreating, setCreating] = useState(false);
  const [removing, setRemoving] = useState<Token>();
  const columns = useColumns();
  const tokens = asked.data?.items ?? [];
  return (
    <Page
      title={t('title')}
      actions={
        <Button tone="primary" icon={<Plus size={16} />} blocked={blocked} onClick={() => setCreating(true)}>
          {t('create')}
        </Button>
      }
    >
      {asked.error !== undefined && asked.data === undefined ? (
        <ErrorState title={t('failed')} problem={toProblem(asked.error)} onRetry={asked.reload} />
      ) : null}
      {asked.data === undefined && asked.error === undefined ? <Loading rows={4} /> : null}
      {asked.data !== undefined && tokens.length === 0 ? (
        <Empty
          title={t('empty')}
          command={`curl -H "Authorization: Bearer $TOKEN" https://${typeof window === 'undefined' ? 'HOST' : window.location.host}/api/v1/services`}
        >
          {t('emptyText')}
        </Empty>
      ) : null}
      {tokens.length > 0 ? (
        <DataTable
          label={t('title')}
          columns={columns}
          rows={tokens}
          rowKey={(token) => token.id}
          verbs={(token) => (
            <IconButton
              label={t('removeOf', { name: token.name })}
              blocked={blocked}
              onClick={() => setRemoving(token)}
            >
              <Trash2 size={14} />
            </IconButton>
          )}
          card={(token) => (
            <div className="flex items-center gap-2">
              <div className="min-w-0 flex-1">
                <p className="text-base font-medium">{token.name}</p>
                <p className="text-xs text-muted">
                  {token.role} · {token.ownerName}
                </p>
              </div>
              <IconButton
                label={t('removeOf', { name: token.name })}
                blocked={blocked}
                onClick={() => setRemoving(token)}
              >
                <Trash2 size={14} />
              </IconButton>
            </div>
          )}
        />
      ) : null}
      {isCreating ? (
        <CreateDialog
          onClose={() => {
            setCreating(false);
            asked.reload();
          }}
        />
      ) : null}
      {removing === undefined ? null : (
        <ConfirmRemoval
          title={t('removeTitle', { name: removing.name })}
          text={t('removeText')}
          command={`curl -X DELETE -H "Authorization: Bearer $TOKEN" https://${window.location.host}/api/v1/tokens/${removing.id}`}
          onClose={() => setRemoving(undefined)}
          act={async () => {
            await call('removeToken', { params: { token: removing.id } });
            asked.reload();
          }}
        />
      )}
    </Page>
  );
}

function useColumns(): readonly Column<Token>[] {
  const t = useTranslations('tokens');
  const format = useFormatter();
  const shell = useTranslations('shell');
  return useMemo(
    () => [
      {
        key: 'name',
        header: t('name'),
        cell: (token) => <span className="font-medium">{token.name}</span>,
        sort: (token) => token.name,
      },
      {
        key: 'role',
        header: t('role'),
        width: '140px',
        cell: (token) => shell(`roles.${token.role}`),
        sort: (token) => token.role,
      },
      {
        key: 'owner',
        header: t('owner'),
        width: '140px',
        cell: (token) => token.ownerName,
        sort: (token) => token.ownerName,
      },
      {
        key: 'created',
        header: t('created'),
        width: '140px',
        hideBelow: 'md',
        cell: (token) => (
          <span className="text-muted">
            <RelTime atMs={token.createdAtMs} />
          </span>
        ),
        sort: (token) => token.createdAtMs,
      },
      {
        key: 'ends',
        header: t('ends'),
        width: '160px',
        cell: (token) => format.dateTime(token.expiresAtMs, { dateStyle: 'medium' }),
        sort: (token) => token.expiresAtMs,
      },
    ],
    [t, format, shell],
  );
}

function CreateDialog({ onClose }: { readonly onClose: () => void }) {
  const t = useTranslations('tokens');
  const c = useTranslations('common');
  const shell = useTranslations('shell');
  const me = useMe();
  const [name, setName] = useState('');
  const [role, setRole] = useState<(typeof ROLES)[number]>('viewer');
  const [days, setDays] = useState(90);
  const [token, setToken] = useState<string>();
  const action = useAction(async () => {
    const created = await call('createToken', { body: { name: name.trim(), role, days } });
    setToken(created.token);
  });
  const allowed = ROLES.slice(0, ROLES.indexOf(me?.role ?? 'viewer') + 1);
  if (token !== undefined) {
    return (
      <Dialog
        open
        onOpenChange={onClose}
        isModal
        title={t('createdTitle', { name })}
        footer={
          <Button tone="primary" onClick={onClose}>
            {t('kept')}
          </Button>
        }
      >
        <div className="space-y-3">
          <Banner tone="warn">{t('once')}</Banner>
          <CopyField label={t('copyToken')} text={token} />
          <CopyField
            label={t('tryIt')}
            text={`curl -H "Authorization: Bearer ${token}" https://${window.location.host}/api/v1/services`}
          />
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={t('create')}
      footer={
        <>
          <Button onClick={onClose}>{c('cancel')}</Button>
          <Button
            tone="primary"
            busy={action.isBusy}
            blocked={name.trim() === '' ? t('nameMissing') : undefined}
            onClick={() => void action.run()}
          >
            {c('create')}
          </Button>
        </>
      }
    >
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() !== '') {
            void action.run();
          }
        }}
      >
        <Field label={c('name')} hint={t('nameHint')}>
          {(control) => (
            <TextInput
              {...control}
              autoFocus
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <Field label={t('role')} hint={t(`roleText.${role}`)}>
          {(control) => (
            <Select
              {...control}
              value={role}
              onChange={(event) => setRole(allowed.find((each) => each === event.target.value) ?? 'viewer')}
            >
              {allowed.map((each) => (
                <option key={each} value={each}>
                  {shell(`roles.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label={t('lifetime')}>
          {(control) => (
            <Select {...control} value={days} onChange={(event) => setDays(Number(event.target.value))}>
              {DAYS.map((each) => (
                <option key={each} value={each}>
                  {t('days', { count: each })}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <InlineProblem error={action.error} />
      </form>
    </Dialog>
  );
}
