'use client';

import { useTranslations } from 'use-intl';

import type { ServiceRow } from '../live/rows.ts';
import { splitImage } from '../live/rows.ts';
import type { ServiceSummary } from '../live/state.ts';
import { SlotBar } from './slot-bar.tsx';
import { Tooltip } from './tooltip.tsx';

/** Shortens a long reference: the registry's host goes first, then the middle; the tag always stays. */
export function middleEllipsis(full: string, max: number): string {
  if (full.length <= max) {
    return full;
  }
  const text = full.replace(/^[^/]*[.:][^/]*\//, '…/');
  if (text.length <= max) {
    return text;
  }
  const tail = Math.ceil((max - 1) * 0.6);
  return `${text.slice(0, max - 1 - tail)}…${text.slice(-tail)}`;
}

export function ImageName({ image, max = 34 }: { readonly image: string; readonly max?: number }) {
  const { name, digest } = splitImage(image);
  return (
    <Tooltip text={<code>{image}</code>}>
      <span className="mono whitespace-nowrap">
        {middleEllipsis(name, max)}
        {digest === undefined ? null : <span className="text-muted">{` ${digest}`}</span>}
      </span>
    </Tooltip>
  );
}

/** Segmented bar and figures of a service's slots. */
export function TasksCell({ summary }: { readonly summary: ServiceSummary }) {
  const t = useTranslations('services');
  return (
    <span className="flex items-center gap-2">
      <SlotBar
        slots={summary.bar}
        label={t('tasksOf', { healthy: summary.healthy, desired: summary.desired })}
        className="w-28 shrink-0"
      />
      <span aria-hidden="true" className="whitespace-nowrap figures">
        {summary.healthy}
        <span className="text-muted">/{summary.desired}</span>
      </span>
    </span>
  );
}

/** Published ports; those of the routing mesh are links to the host this console was opened on. */
export function PortsCell({ service }: { readonly service: ServiceRow }) {
  const ports = service.endpoint?.ports ?? service.spec.endpoint?.ports ?? [];
  return (
    <span className="mono flex gap-2 whitespace-nowrap">
      {ports.slice(0, 3).map((port) => {
        const published = port.publishedPort ?? 0;
        const key = `${String(published)}-${String(port.targetPort)}-${port.protocol}`;
        const text = `${published === 0 ? '' : `:${String(published)}`}→${String(port.targetPort)}${port.protocol === 'tcp' ? '' : `/${port.protocol}`}`;
        const isOpenable = port.protocol === 'tcp' && published > 0 && port.publishMode === 'ingress';
        return isOpenable ? (
          <a
            key={key}
            href={`http://${window.location.hostname}:${String(published)}`}
            target="_blank"
            rel="noreferrer"
            className="rounded-sm underline-offset-2 hover:text-accent hover:underline"
          >
            {text}
          </a>
        ) : (
          <span key={key}>{text}</span>
        );
      })}
      {ports.length > 3 ? <span className="text-muted">+{ports.length - 3}</span> : null}
    </span>
  );
}
