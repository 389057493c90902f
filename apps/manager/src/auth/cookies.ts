/** Cookie of the session: the `__Host-` prefix binds it to this origin and to TLS; loopback HTTP has no TLS to bind to. */
export function sessionCookieName(isSecure: boolean): string {
  return isSecure ? '__Host-sid' : 'sid';
}

export interface SessionCookie {
  readonly isSecure: boolean;
  readonly value: string;
  /** 0 removes the cookie. */
  readonly maxAgeSeconds: number;
}

/** Value of the `Set-Cookie` header. */
export function formatSessionCookie(cookie: SessionCookie): string {
  const attributes = ['Path=/', 'HttpOnly', 'SameSite=Strict', `Max-Age=${String(cookie.maxAgeSeconds)}`];
  if (cookie.isSecure) {
    attributes.push('Secure');
  }
  return [`${sessionCookieName(cookie.isSecure)}=${cookie.value}`, ...attributes].join('; ');
}

/** One cookie out of a `Cookie` header. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  for (const part of (header ?? '').split(';')) {
    const equals = part.indexOf('=');
    if (equals > 0 && part.slice(0, equals).trim() === name) {
      return part.slice(equals + 1).trim();
    }
  }
  return undefined;
}
