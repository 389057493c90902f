'use client';

const OVERLAYS_ID = 'overlays';

/** Where menus and tooltips are drawn: inside a landmark, so that screen readers find them in a named region. */
export function Overlays() {
  return <div id={OVERLAYS_ID} />;
}

/** The element of {@link Overlays}; pages without the frame draw into the body. */
export function overlaysElement(): HTMLElement | null {
  return typeof document === 'undefined' ? null : document.getElementById(OVERLAYS_ID);
}
