'use client';

import { Plus, X } from 'lucide-react';
import { useState } from 'react';
import { useTranslations } from 'use-intl';

import { call } from '../../api/call.ts';
import { useAction } from '../../api/use-call.ts';
import { useSettled } from '../../live/live.tsx';
import type { NodeRow } from '../../live/rows.ts';
import { Button, IconButton } from '../../ui/button.tsx';
import { Field, TextInput } from '../../ui/field.tsx';
import { InlineProblem } from '../../ui/problem.tsx';
import { Panel } from '../../ui/screens.tsx';
import { useBlocked } from '../session/blocked.ts';

/** Labels of a node, each changed alone: what others change meanwhile is not touched. */
export function NodeLabels({ node }: { readonly node: NodeRow }) {
  const t = useTranslations('nodes');
  const settled = useSettled();
  const blocked = useBlocked('node.operate');
  const [text, setText] = useState('');
  const labels = Object.entries(node.spec.labels ?? {});
  const action = useAction(async (change: Readonly<Record<string, string | null>>) => {
    const { rev } = await call('patchNode', { params: { node: node.id }, body: { labels: change } });
    await settled(rev);
    return true;
  });
  const add = async () => {
    const [key = '', ...value] = text.split('=');
    if (key.trim() !== '' && (await action.run({ [key.trim()]: value.join('=').trim() })) === true) {
      setText('');
    }
  };
  return (
    <Panel title={t('labels')}>
      <div className="space-y-3">
        {labels.length === 0 ? <p className="text-muted">{t('noLabels')}</p> : null}
        <ul className="flex flex-wrap gap-1.5">
          {labels.map(([key, value]) => (
            <li
              key={key}
              className="inline-flex h-6 items-center rounded-sm border border-line bg-raised pl-2"
            >
              <code>
                {key}
                <span className="text-muted">=</span>
                {value}
              </code>
              <IconButton
                label={t('removeLabel', { key })}
                blocked={blocked}
                className="size-6! min-h-0!"
                onClick={() => void action.run({ [key]: null })}
              >
                <X size={12} />
              </IconButton>
            </li>
          ))}
        </ul>
        <form
          className="flex items-end gap-2"
          onSubmit={(event) => {
            event.preventDefault();
            if (blocked === undefined) {
              void add();
            }
          }}
        >
          <Field label={t('addLabel')} className="flex-1">
            {(control) => (
              <TextInput
                {...control}
                mono
                placeholder="zone=east"
                value={text}
                onChange={(event) => {
                  setText(event.target.value);
                }}
              />
            )}
          </Field>
          <Button
            type="submit"
            blocked={blocked}
            busy={action.isBusy}
            icon={<Plus size={14} />}
            className="h-8!"
          >
            {t('add')}
          </Button>
        </form>
        <InlineProblem error={action.error} />
      </div>
    </Panel>
  );
}
