'use client';

import clsx from 'clsx';
import { DropdownMenu as Primitive } from 'radix-ui';
import type { ReactElement, ReactNode } from 'react';

import { Kbd } from './kbd.tsx';
import { overlaysElement } from './overlays.tsx';

export interface MenuEntry {
  readonly key: string;
  readonly label: ReactNode;
  readonly onSelect: () => void;
  readonly icon?: ReactNode;
  readonly shortcut?: string;
  readonly tone?: 'plain' | 'danger';
  /** Why it cannot be chosen now; shown under the label. */
  readonly blocked?: string | undefined;
}

interface MenuProps {
  readonly trigger: ReactElement;
  readonly entries: readonly (MenuEntry | 'line')[];
  readonly heading?: ReactNode;
}

export function Menu({ trigger, entries, heading }: MenuProps) {
  return (
    <Primitive.Root modal={false}>
      <Primitive.Trigger asChild>{trigger}</Primitive.Trigger>
      <Primitive.Portal container={overlaysElement()}>
        <Primitive.Content
          align="end"
          sideOffset={4}
          collisionPadding={8}
          className="z-50 min-w-48 animate-fade rounded-md border border-line bg-surface p-1 shadow-float"
        >
          {heading === undefined ? null : (
            <Primitive.Label className="px-2 py-1.5 text-xs text-muted">{heading}</Primitive.Label>
          )}
          {entries.map((entry, index) =>
            entry === 'line' ? (
              <Primitive.Separator key={index} className="-mx-1 my-1 h-px bg-line" />
            ) : (
              <Primitive.Item
                key={entry.key}
                aria-disabled={entry.blocked === undefined ? undefined : true}
                onSelect={(event) => {
                  if (entry.blocked === undefined) {
                    entry.onSelect();
                  } else {
                    event.preventDefault();
                  }
                }}
                className={clsx(
                  'flex min-h-7 items-center gap-2 rounded-sm px-2 py-1 outline-none data-highlighted:bg-raised',
                  entry.tone === 'danger' && 'text-bad',
                  entry.blocked !== undefined && 'opacity-60',
                )}
              >
                <span className="flex w-4 justify-center text-muted">{entry.icon}</span>
                <span className="min-w-0 flex-1">
                  {entry.label}
                  {entry.blocked === undefined ? null : (
                    <span className="block max-w-56 text-xs text-muted">{entry.blocked}</span>
                  )}
                </span>
                {entry.shortcut === undefined ? null : <Kbd>{entry.shortcut}</Kbd>}
              </Primitive.Item>
            ),
          )}
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}
