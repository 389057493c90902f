import type { ManagerAddress } from '../../live/protocol.ts';

const MANAGERS_KEY = 'skep.managers';

/** Keeps the addresses of the managers in this browser, so that there is a way on when this one is gone. */
export function rememberManagers(managers: readonly ManagerAddress[]): void {
  if (managers.length === 0) {
    return;
  }
  try {
    localStorage.setItem(
      MANAGERS_KEY,
      JSON.stringify(managers.map(({ id, name, url }) => ({ id, name, url }))),
    );
  } catch {
    // Without storage there are only the addresses of this visit.
  }
}

function isManager(value: unknown): value is ManagerAddress {
  return typeof value === 'object' && value !== null && 'id' in value && 'name' in value;
}

export function rememberedManagers(): readonly ManagerAddress[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(MANAGERS_KEY) ?? '[]');
    return Array.isArray(found) ? found.filter(isManager) : [];
  } catch {
    return [];
  }
}

/** Managers other than the one that served this page, with an address to open. */
export function otherManagers(
  managers: readonly ManagerAddress[],
): readonly (ManagerAddress & { readonly url: string })[] {
  const here = window.location.origin;
  return managers.flatMap((manager) => {
    if (manager.url === undefined || manager.url === '') {
      return [];
    }
    return new URL(manager.url, here).origin === here ? [] : [{ ...manager, url: manager.url }];
  });
}

/** The same page on another manager. */
export function samePageOn(url: string): string {
  return new URL(`${window.location.pathname}${window.location.search}`, url).href;
}
