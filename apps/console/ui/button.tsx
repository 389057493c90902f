'use client';

import clsx from 'clsx';
import Link from 'next/link';
import type { ButtonHTMLAttributes, ReactNode, Ref } from 'react';

import { Tooltip } from './tooltip.tsx';

export type ButtonTone = 'primary' | 'plain' | 'ghost' | 'danger';

const TONES: Readonly<Record<ButtonTone, string>> = {
  primary: 'bg-accent text-on-accent border-transparent font-semibold hover:brightness-110',
  plain: 'bg-surface text-text border-control/70 hover:bg-raised hover:border-control',
  ghost: 'border-transparent text-muted hover:bg-raised hover:text-text',
  danger: 'bg-surface border-bad/60 text-bad hover:bg-bad/10 hover:border-bad',
};

const BASE =
  'inline-flex h-7 shrink-0 select-none items-center justify-center gap-1.5 rounded-sm border px-2.5 ' +
  'text-sm leading-none font-medium whitespace-nowrap transition-colors duration-[120ms] comfortable:h-8 ' +
  'aria-disabled:opacity-55 aria-disabled:hover:brightness-100';

interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'disabled' | 'title'> {
  readonly tone?: ButtonTone;
  /** Why the control cannot be used now. It stays focusable and says so. */
  readonly blocked?: string | undefined;
  readonly busy?: boolean;
  readonly icon?: ReactNode;
  readonly ref?: Ref<HTMLButtonElement>;
}

export function Button({
  tone = 'plain',
  blocked,
  busy = false,
  icon,
  className,
  children,
  onClick,
  type = 'button',
  ...rest
}: ButtonProps) {
  const button = (
    <button
      {...rest}
      // The kind is one of button and submit, never left to the browser.
      type={blocked === undefined ? type : 'button'}
      data-control=""
      aria-disabled={blocked !== undefined || busy ? true : undefined}
      aria-busy={busy || undefined}
      onClick={(event) => {
        if (blocked !== undefined || busy) {
          event.preventDefault();
          return;
        }
        onClick?.(event);
      }}
      className={clsx(BASE, TONES[tone], className)}
    >
      {icon}
      {children}
    </button>
  );
  return blocked === undefined ? button : <Tooltip text={blocked}>{button}</Tooltip>;
}

interface IconButtonProps extends ButtonProps {
  /** What the button does: its name and its tooltip. */
  readonly label: string;
}

export function IconButton({ label, blocked, className, children, ...rest }: IconButtonProps) {
  return (
    <Tooltip text={blocked ?? label}>
      <Button
        tone="ghost"
        {...rest}
        aria-label={label}
        aria-disabled={blocked === undefined ? undefined : true}
        onClick={blocked === undefined ? rest.onClick : undefined}
        className={clsx('w-7 px-0! comfortable:w-8', className)}
      >
        {children}
      </Button>
    </Tooltip>
  );
}

interface LinkButtonProps {
  readonly href: string;
  readonly tone?: ButtonTone;
  readonly icon?: ReactNode;
  readonly children: ReactNode;
  readonly className?: string;
}

export function LinkButton({ href, tone = 'plain', icon, children, className }: LinkButtonProps) {
  return (
    <Link href={href} prefetch={false} data-control="" className={clsx(BASE, TONES[tone], className)}>
      {icon}
      {children}
    </Link>
  );
}
