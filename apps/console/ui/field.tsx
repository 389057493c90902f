'use client';

import clsx from 'clsx';
import { Minus, Plus } from 'lucide-react';
import { useId } from 'react';
import type {
  InputHTMLAttributes,
  ReactNode,
  Ref,
  SelectHTMLAttributes,
  TextareaHTMLAttributes,
} from 'react';

const CONTROL =
  'w-full rounded-sm border border-control/70 bg-bg px-2 text-sm transition-colors duration-[120ms] ' +
  'hover:border-control focus-visible:border-accent focus-visible:outline-offset-0 aria-invalid:border-bad ' +
  'read-only:bg-surface';

interface FieldProps {
  readonly label: ReactNode;
  readonly hint?: ReactNode;
  readonly error?: ReactNode;
  readonly className?: string;
  /** Right of the label: a counter, a revert button. */
  readonly aside?: ReactNode;
  readonly isDirty?: boolean;
  readonly children: (control: {
    readonly id: string;
    readonly 'aria-describedby': string | undefined;
    readonly 'aria-invalid': true | undefined;
  }) => ReactNode;
}

/** A label that is always visible, a hint, and an error that belongs to the control. */
export function Field({ label, hint, error, className, aside, isDirty = false, children }: FieldProps) {
  const id = useId();
  const describedBy = [hint === undefined ? '' : `${id}-hint`, error === undefined ? '' : `${id}-error`]
    .filter((part) => part !== '')
    .join(' ');
  return (
    <div className={clsx('relative', className)}>
      {isDirty ? (
        <span aria-hidden="true" className="absolute inset-y-0 -left-3 w-0.5 rounded-full bg-accent" />
      ) : null}
      <div className="mb-1 flex items-baseline justify-between gap-2">
        <label htmlFor={id} className="font-medium">
          {label}
        </label>
        {aside}
      </div>
      {children({
        id,
        'aria-describedby': describedBy === '' ? undefined : describedBy,
        'aria-invalid': error === undefined ? undefined : true,
      })}
      {hint === undefined ? null : (
        <p id={`${id}-hint`} className="mt-1 text-xs text-muted">
          {hint}
        </p>
      )}
      {error === undefined ? null : (
        <p id={`${id}-error`} className="mt-1 text-xs font-medium text-bad">
          {error}
        </p>
      )}
    </div>
  );
}

interface TextInputProps extends InputHTMLAttributes<HTMLInputElement> {
  readonly mono?: boolean;
  readonly ref?: Ref<HTMLInputElement>;
}

export function TextInput({ mono = false, className, ...rest }: TextInputProps) {
  return (
    <input
      autoComplete="off"
      spellCheck={false}
      {...rest}
      data-control=""
      className={clsx(CONTROL, 'h-8', mono && 'font-mono text-code', className)}
    />
  );
}

interface TextAreaProps extends TextareaHTMLAttributes<HTMLTextAreaElement> {
  readonly mono?: boolean;
}

export function TextArea({ mono = false, className, ...rest }: TextAreaProps) {
  return (
    <textarea
      spellCheck={false}
      rows={6}
      {...rest}
      className={clsx(CONTROL, 'resize-y py-1.5', mono && 'font-mono text-code', className)}
    />
  );
}

export function Select({ className, ...rest }: SelectHTMLAttributes<HTMLSelectElement>) {
  return <select {...rest} data-control="" className={clsx(CONTROL, 'h-8 pr-6', className)} />;
}

interface CheckboxProps {
  readonly label: ReactNode;
  readonly hint?: ReactNode;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
}

export function Checkbox({ label, hint, checked, onChange }: CheckboxProps) {
  const id = useId();
  return (
    <div className="flex gap-2">
      <input
        id={id}
        type="checkbox"
        checked={checked}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onChange={(event) => {
          onChange(event.target.checked);
        }}
        className="mt-0.5 size-4 shrink-0 accent-accent"
      />
      <div>
        <label htmlFor={id} className="font-medium">
          {label}
        </label>
        {hint === undefined ? null : (
          <p id={`${id}-hint`} className="text-xs text-muted">
            {hint}
          </p>
        )}
      </div>
    </div>
  );
}

interface StepperProps {
  readonly id?: string;
  readonly label: string;
  readonly value: number;
  readonly onChange: (value: number) => void;
  readonly min?: number;
  readonly max?: number;
  readonly lessLabel: string;
  readonly moreLabel: string;
}

/** A number with a step down and a step up. */
export function Stepper({
  id,
  label,
  value,
  onChange,
  min = 0,
  max = 100_000,
  lessLabel,
  moreLabel,
}: StepperProps) {
  const clamp = (wanted: number) =>
    Math.min(max, Math.max(min, Number.isFinite(wanted) ? Math.trunc(wanted) : min));
  const step = 'flex w-8 items-center justify-center text-muted hover:bg-raised hover:text-text';
  return (
    <div className="inline-flex h-8 overflow-hidden rounded-sm border border-control/70 bg-bg focus-within:border-accent">
      <button
        type="button"
        aria-label={lessLabel}
        data-control=""
        className={clsx(step, 'border-r border-line')}
        onClick={() => {
          onChange(clamp(value - 1));
        }}
      >
        <Minus size={14} />
      </button>
      <input
        id={id}
        inputMode="numeric"
        aria-label={id === undefined ? label : undefined}
        value={String(value)}
        onChange={(event) => {
          onChange(clamp(Number(event.target.value.replace(/\D/g, ''))));
        }}
        className="w-14 bg-transparent text-center font-mono text-code figures focus-visible:outline-offset-[-2px]"
      />
      <button
        type="button"
        aria-label={moreLabel}
        data-control=""
        className={clsx(step, 'border-l border-line')}
        onClick={() => {
          onChange(clamp(value + 1));
        }}
      >
        <Plus size={14} />
      </button>
    </div>
  );
}
