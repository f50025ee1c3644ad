/** The normal form of a request's authority, by which routes are matched: lower case, no port, no final dot. */
export function normaliseHost(authority: string): string {
  const host = authority.toLowerCase().replace(/:\d*$/, '')
  return host.endsWith('.') ? host.slice(0, -1) : host
}
