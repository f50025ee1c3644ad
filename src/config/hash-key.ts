import type { HashKey } from '../snapshot.ts'

/** How the key of a hash policy is written. Names are tokens (RFC 9110 §5.6.2); of a query, any of its own bytes. */
export const hashKeyPattern = /^(?:address|uri|path|(?:header|cookie):[!#$%&'*+.^_`|~0-9A-Za-z-]+|query:[^&=#\s]+)$/

/** @param written text of the form of `hashKeyPattern` */
export function parseHashKey(written: string): HashKey {
  const colon = written.indexOf(':')
  if (colon < 0) return { from: written as 'address' | 'uri' | 'path' }
  const from = written.slice(0, colon) as 'header' | 'cookie' | 'query'
  const name = written.slice(colon + 1)
  return { from, name: from === 'header' ? name.toLowerCase() : name }
}

/** The key as it is written in the file. */
export function formatHashKey(key: HashKey): string {
  return 'name' in key ? `${key.from}:${key.name}` : key.from
}
