'use client';

import clsx from 'clsx';
import { X } from 'lucide-react';
import { Dialog as Primitive } from 'radix-ui';
import type { ReactNode } from 'react';
import { useTranslations } from 'use-intl';

import { IconButton } from './button.tsx';

interface DialogProps {
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
  readonly title: ReactNode;
  readonly description?: ReactNode;
  readonly children: ReactNode;
  readonly footer?: ReactNode;
  readonly width?: 'narrow' | 'wide';
  /** A dialog that must be answered has no close button and does not close by itself. */
  readonly isModal?: boolean;
}

/** Traps focus, returns it, and on a phone fills the screen with its actions at the bottom. */
export function Dialog(props: DialogProps) {
  const t = useTranslations('common');
  const {
    open,
    onOpenChange,
    title,
    description,
    children,
    footer,
    width = 'narrow',
    isModal = false,
  } = props;
  return (
    <Primitive.Root open={open} onOpenChange={onOpenChange}>
      <Primitive.Portal>
        <Primitive.Overlay className="fixed inset-0 z-40 animate-fade bg-shade" />
        <Primitive.Content
          {...(description === undefined ? { 'aria-describedby': undefined } : {})}
          onPointerDownOutside={(event) => {
            if (isModal) {
              event.preventDefault();
            }
          }}
          onEscapeKeyDown={(event) => {
            if (isModal) {
              event.preventDefault();
            }
          }}
          className={clsx(
            'fixed z-50 flex animate-rise flex-col border-line bg-surface shadow-float',
            'inset-0 sm:inset-auto sm:top-[12vh] sm:left-1/2 sm:max-h-[76vh] sm:-translate-x-1/2 sm:rounded-lg sm:border',
            width === 'wide' ? 'sm:w-[min(880px,calc(100vw-48px))]' : 'sm:w-[min(480px,calc(100vw-48px))]',
          )}
        >
          <header className="flex items-start gap-3 border-b border-line px-4 py-3">
            <div className="min-w-0 flex-1">
              <Primitive.Title className="text-md font-semibold">{title}</Primitive.Title>
              {description === undefined ? null : (
                <Primitive.Description className="mt-0.5 text-muted">{description}</Primitive.Description>
              )}
            </div>
            {isModal ? null : (
              <Primitive.Close asChild>
                <IconButton label={t('close')} className="-mt-0.5 -mr-1.5">
                  <X size={16} strokeWidth={1.75} />
                </IconButton>
              </Primitive.Close>
            )}
          </header>
          <div className="min-h-0 flex-1 overflow-y-auto px-4 py-4">{children}</div>
          {footer === undefined ? null : (
            <footer className="flex flex-wrap items-center justify-end gap-2 border-t border-line px-4 py-3">
              {footer}
            </footer>
          )}
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}
