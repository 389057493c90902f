import { Mark } from '../../ui/slot-bar.tsx';

/** What the static page shows before the bundle speaks: the frame, without words. */
export function Boot() {
  return (
    <div aria-busy="true" className="flex min-h-dvh">
      <div className="hidden w-[216px] border-r border-line bg-surface md:block" />
      <div className="flex flex-1 items-center justify-center">
        <span className="skeleton bg-transparent!">
          <Mark size={36} />
        </span>
      </div>
    </div>
  );
}
