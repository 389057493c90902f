'use client';

import { Eye, EyeOff } from 'lucide-react';
import { useState } from 'react';
import { useTranslations } from 'use-intl';

import { IconButton } from './button.tsx';

const SECRET_LIKE = /pass|secret|token|key|credential|private/i;

/** A value whose name sounds secret is shown only when asked for. */
export function MaskedValue({ name, value }: { readonly name: string; readonly value: string }) {
  const t = useTranslations('common');
  const [isShown, setShown] = useState(false);
  if (!SECRET_LIKE.test(name)) {
    return <code className="break-all">{value}</code>;
  }
  return (
    <span className="inline-flex items-center gap-1">
      <code className="break-all">{isShown ? value : '••••••••'}</code>
      <IconButton
        label={isShown ? t('hideValue', { name }) : t('showValue', { name })}
        className="-my-1"
        onClick={() => {
          setShown(!isShown);
        }}
      >
        {isShown ? <EyeOff size={14} /> : <Eye size={14} />}
      </IconButton>
    </span>
  );
}
