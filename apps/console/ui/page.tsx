'use client';

import clsx from 'clsx';
import { ChevronRight } from 'lucide-react';
import Link from 'next/link';
import { useEffect, useRef } from 'react';
import type { ReactNode } from 'react';
import { useTranslations } from 'use-intl';

export interface Crumb {
  readonly label: string;
  readonly href: string;
}

interface PageProps {
  readonly title: string;
  /** Shown as the heading when it is more than the plain title. */
  readonly heading?: ReactNode;
  readonly crumbs?: readonly Crumb[];
  readonly aside?: ReactNode;
  readonly actions?: ReactNode;
  readonly tabs?: ReactNode;
  readonly children: ReactNode;
  /** Forms and details keep a readable width, lists and logs take it all. */
  readonly width?: 'full' | 'reading';
}

/** The head of a page: where it is, what it is, what can be done. Takes the focus when it opens and names the tab. */
export function Page(props: PageProps) {
  const { title, heading, crumbs = [], aside, actions, tabs, children, width = 'full' } = props;
  const t = useTranslations('shell');
  const h1 = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Skep`;
  }, [title]);
  useEffect(() => {
    if (document.activeElement === null || document.activeElement === document.body) {
      h1.current?.focus({ preventScroll: true });
    }
  }, []);
  return (
    <div className={clsx('flex min-h-full flex-col', width === 'reading' && 'max-w-[1200px]')}>
      <header className="px-4 pt-4 pb-3 sm:px-6">
        {crumbs.length === 0 ? null : (
          <nav aria-label={t('breadcrumb')} className="mb-1 flex items-center gap-1 text-xs text-muted">
            {crumbs.map((crumb) => (
              <span key={crumb.href} className="inline-flex items-center gap-1">
                <Link
                  href={crumb.href}
                  prefetch={false}
                  className="rounded-sm py-1 hover:text-text hover:underline"
                >
                  {crumb.label}
                </Link>
                <ChevronRight size={12} aria-hidden="true" />
              </span>
            ))}
          </nav>
        )}
        <div className="flex min-h-8 flex-wrap items-center gap-x-4 gap-y-2">
          <h1
            ref={h1}
            tabIndex={-1}
            className="min-w-0 text-lg leading-8 font-semibold tracking-[-0.01em] break-words"
          >
            {heading ?? title}
          </h1>
          {aside}
          <div className="flex flex-1 flex-wrap items-center justify-end gap-2 max-sm:justify-start max-sm:basis-full">
            {actions}
          </div>
        </div>
      </header>
      {tabs}
      <div className="flex min-h-0 flex-1 flex-col">{children}</div>
    </div>
  );
}

export interface Tab {
  readonly key: string;
  readonly label: string;
  readonly href: string;
  readonly count?: number;
}

/** Parts of a detail page. Each has an address, so they are links. */
export function Tabs({
  tabs,
  current,
  label,
}: {
  readonly tabs: readonly Tab[];
  readonly current: string;
  readonly label: string;
}) {
  return (
    <nav
      aria-label={label}
      className="no-scrollbar flex gap-1 overflow-x-auto border-b border-line px-3 sm:px-5"
    >
      {tabs.map((tab) => (
        <Link
          key={tab.key}
          href={tab.href}
          prefetch={false}
          replace
          scroll={false}
          aria-current={tab.key === current ? 'page' : undefined}
          className={clsx(
            '-mb-px inline-flex h-9 items-center gap-1.5 border-b-2 px-2 font-medium whitespace-nowrap focus-visible:outline-offset-[-2px]',
            tab.key === current
              ? 'border-accent text-text'
              : 'border-transparent text-muted hover:border-line hover:text-text',
          )}
        >
          {tab.label}
          {tab.count === undefined ? null : <span className="text-xs text-muted figures">{tab.count}</span>}
        </Link>
      ))}
    </nav>
  );
}

/** Names in running text and cells: links that keep the mono type of code. */
export function EntityLink({
  href,
  children,
  className,
}: {
  readonly href: string;
  readonly children: ReactNode;
  readonly className?: string;
}) {
  return (
    <Link
      href={href}
      prefetch={false}
      className={clsx(
        'rounded-sm font-medium underline-offset-2 hover:text-accent hover:underline',
        className,
      )}
    >
      {children}
    </Link>
  );
}
