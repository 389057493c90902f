'use client';

import { useState } from 'react';
import { useTranslations } from 'use-intl';

import { useAction } from '../api/use-call.ts';
import { Button } from './button.tsx';
import { CopyField } from './copy.tsx';
import { Dialog } from './dialog.tsx';
import { Field, TextInput } from './field.tsx';
import { InlineProblem } from './problem.tsx';

interface ConfirmRemovalProps {
  readonly title: string;
  readonly text: string;
  readonly command: string;
  /** Where data is lost the name has to be typed. */
  readonly typeName?: string;
  readonly act: () => Promise<void>;
  readonly onClose: () => void;
}

/** Asks before something is gone for good, with friction in proportion to the loss. */
export function ConfirmRemoval({ title, text, command, typeName, act, onClose }: ConfirmRemovalProps) {
  const t = useTranslations('common');
  const plan = useTranslations('plan');
  const [typed, setTyped] = useState('');
  const action = useAction(async () => {
    await act();
    onClose();
  });
  const isTyped = typeName === undefined || typed === typeName;
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={title}
      description={text}
      footer={
        <>
          <Button onClick={onClose}>{t('cancel')}</Button>
          <Button
            tone="danger"
            busy={action.isBusy}
            blocked={isTyped ? undefined : t('typeFirst')}
            onClick={() => void action.run()}
          >
            {t('remove')}
          </Button>
        </>
      }
    >
      <div className="space-y-4">
        {typeName === undefined ? null : (
          <Field label={t.rich('typeToConfirm', { name: typeName, code: (chunks) => <code>{chunks}</code> })}>
            {(control) => (
              <TextInput {...control} mono value={typed} onChange={(event) => setTyped(event.target.value)} />
            )}
          </Field>
        )}
        <InlineProblem error={action.error} />
        <details>
          <summary className="inline-block rounded-sm text-xs text-muted underline-offset-2 hover:underline">
            {plan('cli')}
          </summary>
          <div className="mt-2">
            <CopyField label={plan('cli')} text={command} />
          </div>
        </details>
      </div>
    </Dialog>
  );
}
