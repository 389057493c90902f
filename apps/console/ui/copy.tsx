'use client';

import { Check, Copy } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { useTranslations } from 'use-intl';

import { IconButton } from './button.tsx';

/** The clipboard API needs a secure context; a selection and `execCommand` work without one. */
async function writeClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.style.position = 'fixed';
    area.style.opacity = '0';
    document.body.append(area);
    area.select();
    // The only way to copy outside a secure context.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    const isDone = document.execCommand('copy');
    area.remove();
    return isDone;
  }
}

interface CopyButtonProps {
  readonly text: string;
  readonly label?: string;
  readonly className?: string;
}

export function CopyButton({ text, label, className }: CopyButtonProps) {
  const t = useTranslations('common');
  const [isCopied, setCopied] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
    },
    [],
  );
  return (
    <IconButton
      label={isCopied ? t('copied') : (label ?? t('copy'))}
      {...(className === undefined ? {} : { className })}
      onClick={() => {
        void writeClipboard(text).then((isDone) => {
          setCopied(isDone);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => {
            setCopied(false);
          }, 1_600);
        });
      }}
    >
      {isCopied ? <Check size={14} className="text-ok" /> : <Copy size={14} />}
      <span role="status" className="sr-only">
        {isCopied ? t('copied') : ''}
      </span>
    </IconButton>
  );
}

interface CopyFieldProps {
  readonly label: string;
  /** What is copied. */
  readonly text: string;
  /** What is shown, when it differs: a masked secret. */
  readonly shown?: string;
}

/** A command or value on one block that is copied whole. */
export function CopyField({ label, text, shown }: CopyFieldProps) {
  return (
    <div className="flex items-start gap-1 rounded-sm border border-line bg-bg py-1 pr-1 pl-3">
      <code
        // A long command scrolls sideways, so the keyboard must reach it.
        tabIndex={0}
        role="group"
        aria-label={label}
        className="min-w-0 flex-1 self-center overflow-x-auto py-1 leading-5 whitespace-pre"
      >
        {shown ?? text}
      </code>
      <CopyButton text={text} label={label} />
    </div>
  );
}
