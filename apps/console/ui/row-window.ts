'use client';

import { useEffect, useState } from 'react';
import type { RefObject } from 'react';

const WHOLE_UP_TO = 150;
const OVERSCAN_PX = 600;

interface RowWindow {
  readonly from: number;
  readonly to: number;
  /** Height of the rows that are left out above and below, in pixels. */
  readonly before: number;
  readonly after: number;
}

function windowOf(heights: readonly number[], top: number, bottom: number): RowWindow {
  let from = 0;
  let before = 0;
  while (from < heights.length && before + (heights[from] ?? 0) < top) {
    before += heights[from] ?? 0;
    from += 1;
  }
  let to = from;
  let end = before;
  while (to < heights.length && end < bottom) {
    end += heights[to] ?? 0;
    to += 1;
  }
  const total = heights.reduce((sum, height) => sum + height, 0);
  return { from, to, before, after: total - end };
}

/** Which rows of a long table are in view of its scrolling ancestor. Short tables are whole. */
export function useRowWindow(table: RefObject<HTMLElement | null>, heights: readonly number[]): RowWindow {
  const [scroll, setScroll] = useState({ top: 0, height: 1_000 });
  const isLong = heights.length > WHOLE_UP_TO;
  useEffect(() => {
    const scroller = document.querySelector('main');
    if (!isLong || scroller === null) {
      return undefined;
    }
    let isQueued = false;
    const measure = () => {
      isQueued = false;
      const box = table.current?.getBoundingClientRect();
      const view = scroller.getBoundingClientRect();
      setScroll({ top: view.top - (box?.top ?? 0), height: view.height });
    };
    const onScroll = () => {
      if (!isQueued) {
        isQueued = true;
        requestAnimationFrame(measure);
      }
    };
    measure();
    scroller.addEventListener('scroll', onScroll, { passive: true });
    window.addEventListener('resize', onScroll);
    return () => {
      scroller.removeEventListener('scroll', onScroll);
      window.removeEventListener('resize', onScroll);
    };
  }, [isLong, table]);
  if (!isLong) {
    return { from: 0, to: heights.length, before: 0, after: 0 };
  }
  return windowOf(heights, scroll.top - OVERSCAN_PX, scroll.top + scroll.height + OVERSCAN_PX);
}
