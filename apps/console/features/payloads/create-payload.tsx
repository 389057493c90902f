'use client';

import { useEffect, useState } from 'react';
import { useTranslations } from 'use-intl';

import { call } from '../../api/call.ts';
import { useAction } from '../../api/use-call.ts';
import { toBase64 } from '../../edit/base64.ts';
import { useSettled } from '../../live/live.tsx';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Checkbox, Field, TextArea, TextInput } from '../../ui/field.tsx';
import { Bytes } from '../../ui/quantity.tsx';
import { InlineProblem } from '../../ui/problem.tsx';

interface CreatePayloadProps {
  readonly kind: 'secret' | 'config';
  readonly onClose: () => void;
}

/** Text or a file becomes a secret or config. The value of a secret lives in this form only, and asks before it is lost. */
export function CreatePayload({ kind, onClose }: CreatePayloadProps) {
  const t = useTranslations('payloads');
  const c = useTranslations('common');
  const settled = useSettled();
  const [name, setName] = useState('');
  const [text, setText] = useState('');
  const [file, setFile] = useState<{ readonly name: string; readonly bytes: Uint8Array }>();
  const [isTrimmed, setTrimmed] = useState(true);
  const endsWithNewline = /\r?\n$/.test(text);
  const bytes =
    file?.bytes ??
    new TextEncoder().encode(isTrimmed && kind === 'secret' ? text.replace(/\r?\n$/, '') : text);
  const action = useAction(async () => {
    const body = { name: name.trim(), data: toBase64(bytes) };
    const { rev } =
      kind === 'secret' ? await call('createSecret', { body }) : await call('createConfig', { body });
    await settled(rev);
    onClose();
  });

  const isFilled = text !== '' || file !== undefined;
  useEffect(() => {
    if (!isFilled) {
      return undefined;
    }
    const guard = (event: BeforeUnloadEvent) => {
      event.preventDefault();
    };
    window.addEventListener('beforeunload', guard);
    return () => {
      window.removeEventListener('beforeunload', guard);
    };
  }, [isFilled]);

  const empty = bytes.length === 0 ? t('valueEmpty') : undefined;
  const unnamed = name.trim() === '' ? t('nameMissing') : undefined;
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={t(`create.${kind}`)}
      description={t(`createText.${kind}`)}
      isModal={isFilled}
      footer={
        <>
          <Button onClick={onClose}>{c('cancel')}</Button>
          <Button
            tone="primary"
            busy={action.isBusy}
            blocked={unnamed ?? empty}
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
        }}
      >
        <Field label={c('name')} hint={t('nameHint')}>
          {(control) => (
            <TextInput
              {...control}
              mono
              autoFocus
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        {file === undefined ? (
          <Field
            label={t('value')}
            aside={
              <span className="text-xs text-muted">
                <Bytes value={bytes.length} />
              </span>
            }
          >
            {(control) => (
              <TextArea {...control} mono value={text} onChange={(event) => setText(event.target.value)} />
            )}
          </Field>
        ) : (
          <p className="flex items-center gap-3 rounded-sm border border-line bg-bg px-3 py-2">
            <code className="min-w-0 flex-1 truncate">{file.name}</code>
            <Bytes value={file.bytes.length} />
            <Button onClick={() => setFile(undefined)}>{c('remove')}</Button>
          </p>
        )}
        {kind === 'secret' && file === undefined && endsWithNewline ? (
          <Checkbox label={t('trim')} hint={t('trimHint')} checked={isTrimmed} onChange={setTrimmed} />
        ) : null}
        <Field label={t('file')}>
          {(control) => (
            <input
              {...control}
              type="file"
              className="w-full text-sm text-muted file:mr-3 file:h-7 file:rounded-sm file:border file:border-control/70 file:bg-surface file:px-2.5 file:text-text"
              onChange={(event) => {
                const chosen = event.target.files?.[0];
                void chosen?.arrayBuffer().then((buffer) => {
                  setFile({ name: chosen.name, bytes: new Uint8Array(buffer) });
                  if (name === '') {
                    setName(chosen.name.replace(/[^a-zA-Z0-9-_.]/g, '_').slice(0, 64));
                  }
                });
              }}
            />
          )}
        </Field>
        <InlineProblem error={action.error} />
      </form>
    </Dialog>
  );
}
