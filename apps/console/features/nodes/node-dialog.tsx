'use client';

import { useState } from 'react';
import { useTranslations } from 'use-intl';

import { call } from '../../api/call.ts';
import { useAction } from '../../api/use-call.ts';
import { faultTolerance } from '../../live/attention.ts';
import { useRows, useSettled, useTasksOf } from '../../live/live.tsx';
import { nodeName } from '../../live/rows.ts';
import type { NodeRow } from '../../live/rows.ts';
import { isEnded } from '../../live/state.ts';
import { Button } from '../../ui/button.tsx';
import { CopyField } from '../../ui/copy.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Checkbox } from '../../ui/field.tsx';
import { InlineProblem } from '../../ui/problem.tsx';
import { DrainImpact } from './drain-impact.tsx';
import type { NodeVerb } from './node-actions.tsx';

interface NodeDialogProps {
  readonly verb: NodeVerb;
  readonly node: NodeRow;
  readonly onClose: () => void;
}

async function apply(verb: NodeVerb, node: NodeRow, isForced: boolean): Promise<{ readonly rev: number }> {
  const params = { node: node.id };
  switch (verb) {
    case 'drain':
    case 'pause':
    case 'active':
      return call('patchNode', { params, query: { version: node.version }, body: { availability: verb } });
    case 'promote':
      return call('promoteNode', { params });
    case 'demote':
      return call('demoteNode', { params });
    case 'remove':
      return call('removeNode', { params, query: isForced ? { force: true } : {} });
  }
}

const COMMANDS: Readonly<Record<NodeVerb, (name: string) => string>> = {
  drain: (name) => `swarm node update --availability drain ${name}`,
  pause: (name) => `swarm node update --availability pause ${name}`,
  active: (name) => `swarm node update --availability active ${name}`,
  promote: (name) => `swarm node promote ${name}`,
  demote: (name) => `swarm node demote ${name}`,
  remove: (name) => `swarm node rm ${name}`,
};

/** What a change of the node does, before it is done. */
export function NodeDialog({ verb, node, onClose }: NodeDialogProps) {
  const t = useTranslations('nodes');
  const c = useTranslations('common');
  const plan = useTranslations('plan');
  const settled = useSettled();
  const nodes = useRows('nodes');
  const tasks = useTasksOf('node', node.id).filter((task) => !isEnded(task));
  const [isForced, setForced] = useState(false);
  const name = nodeName(node);
  const action = useAction(async () => {
    const { rev } = await apply(verb, node, isForced);
    await settled(rev);
    return true;
  });
  const { managers } = faultTolerance(nodes);
  const after = managers + (verb === 'promote' ? 1 : -1);
  const mayFail = (count: number) => Math.max(0, count - (Math.floor(count / 2) + 1));
  const isDown = node.status.state === 'down';
  const submit = async () => {
    if ((await action.run()) === true) {
      onClose();
    }
  };
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={t(`dialog.${verb}`, { name })}
      description={t(`explain.${verb}`)}
      footer={
        <>
          <Button onClick={onClose}>{c('cancel')}</Button>
          <Button
            tone={verb === 'remove' || verb === 'demote' ? 'danger' : 'primary'}
            busy={action.isBusy}
            blocked={verb === 'remove' && !isDown && !isForced ? t('removeNotDown') : undefined}
            onClick={() => void submit()}
          >
            {t(`verbs.${verb}`)}
          </Button>
        </>
      }
    >
      <div className="space-y-4">
        {verb === 'drain' ? <DrainImpact node={node} /> : null}
        {verb === 'remove' ? <p className="figures">{t('moving', { count: tasks.length })}</p> : null}
        {verb === 'promote' || verb === 'demote' ? (
          <p className="figures">
            {t('tolerance', {
              before: managers,
              after,
              mayBefore: mayFail(managers),
              mayAfter: mayFail(after),
            })}
          </p>
        ) : null}
        {verb === 'remove' && !isDown ? (
          <Checkbox label={t('force')} hint={t('forceHint')} checked={isForced} onChange={setForced} />
        ) : null}
        <InlineProblem error={action.error} />
        <details>
          <summary className="inline-block rounded-sm text-xs text-muted underline-offset-2 hover:underline">
            {plan('cli')}
          </summary>
          <div className="mt-2">
            <CopyField label={plan('cli')} text={`${COMMANDS[verb](name)}${isForced ? ' --force' : ''}`} />
          </div>
        </details>
      </div>
    </Dialog>
  );
}
