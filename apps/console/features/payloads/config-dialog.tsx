'use client';

import { useTranslations } from 'use-intl';

import { call } from '../../api/call.ts';
import { useAsk } from '../../api/use-call.ts';
import { textOfBase64 } from '../../edit/base64.ts';
import type { ConfigRow } from '../../live/rows.ts';
import { CopyButton } from '../../ui/copy.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { InlineProblem } from '../../ui/problem.tsx';
import { Loading } from '../../ui/screens.tsx';

/** The content of a config. */
export function ConfigDialog({
  config,
  onClose,
}: {
  readonly config: ConfigRow;
  readonly onClose: () => void;
}) {
  const t = useTranslations('payloads');
  const { data, error } = useAsk(config.id, (signal) =>
    call('getConfig', { params: { config: config.id }, signal }),
  );
  const text = data === undefined ? undefined : textOfBase64(data.data);
  return (
    <Dialog open onOpenChange={onClose} width="wide" title={config.spec.name}>
      <InlineProblem error={error} />
      {data === undefined && error === undefined ? <Loading rows={4} /> : null}
      {data === undefined ? null : (
        <div className="relative rounded-sm border border-line bg-bg">
          <span className="absolute top-1 right-1">
            {text === undefined ? null : <CopyButton text={text} />}
          </span>
          <pre tabIndex={0} aria-label={config.spec.name} className="overflow-x-auto px-3 py-2 leading-5">
            {text ?? t('binary')}
          </pre>
        </div>
      )}
    </Dialog>
  );
}
