import type { HashKey } from '../runtime/snapshot.ts'
import { matching, written } from './field.ts'

/** The keys that can be written so. */
type WrittenKey = Exclude<HashKey, { from: 'segment' }>

/** How the key of a hash policy is written. Names are tokens (RFC 9110 §5.6.2); of a query, any of its own bytes. */
const hashKeyPattern = /^(?:address|uri|path|(?:header|cookie):[!#$%&'*+.^_`|~0-9A-Za-z-]+|query:[^&=#\s]+)$/

/** @param written text of the form of `hashKeyPattern` */
function parseHashKey(written: string): WrittenKey {
  const colon = written.indexOf(':')
  if (colon < 0) return { from: written as 'address' | 'uri' | 'path' }
  const from = written.slice(0, colon) as 'header' | 'cookie' | 'query'
  const name = written.slice(colon + 1)
  return { from, name: from === 'header' ? name.toLowerCase() : name }
}

/** The key as it is written in the file. */
function formatHashKey(key: WrittenKey): string {
  return 'name' in key ? `${key.from}:${key.name}` : key.from
}

export const HashKeyText = written(
  matching(hashKeyPattern, 'address, uri, path, header:NAME, cookie:NAME or query:NAME'),
  parseHashKey,
  formatHashKey,
).prefault('address')
