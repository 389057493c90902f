import koffi from 'koffi';

/** The name of an errno value, such as `EEXIST`. */
export function errnoName(errno: number): string {
  return Object.entries(koffi.os.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${String(errno)}`;
}
