'use client';

import { useEffect, useState } from 'react';
import { useTranslations } from 'use-intl';

import type { ServiceRow } from '../../live/rows.ts';
import { CopyButton } from '../../ui/copy.tsx';
import { Loading } from '../../ui/screens.tsx';

/** The spec as YAML. The printer is loaded when someone looks. */
export function ServiceYaml({ service }: { readonly service: ServiceRow }) {
  const t = useTranslations('service');
  const [text, setText] = useState<string>();
  useEffect(() => {
    let isCurrent = true;
    void import('yaml').then(({ stringify }) => {
      if (isCurrent) {
        setText(stringify(service.spec, { lineWidth: 100 }));
      }
    });
    return () => {
      isCurrent = false;
    };
  }, [service.spec]);
  if (text === undefined) {
    return <Loading />;
  }
  return (
    <div className="relative m-4 rounded-md border border-line bg-surface sm:mx-6">
      <span className="absolute top-2 right-2">
        <CopyButton text={text} label={t('copyYaml')} />
      </span>
      <pre
        // Long lines scroll sideways, so the keyboard must reach it.
        tabIndex={0}
        aria-label={t('tabs.yaml')}
        className="overflow-x-auto px-4 py-3 leading-5"
      >
        {text}
      </pre>
    </div>
  );
}
