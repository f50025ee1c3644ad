import type { HashKey } from '../runtime/snapshot.ts'
import { matching, written } from './field.ts'

/** The keys that have a text form. */
type WrittenKey = Exclude<HashKey, { from: 'segment' }>

/** The notation of a hash key. Names are tokens (RFC 9110 §5.6.2); a query parameter's name may have any byte of a query. */
const hashKeyPattern = /^(?:address|uri|path|(?:header|cookie):[!#$%&'*+.^_`|~0-9A-Za-z-]+|query:[^&=#\s]+|claim:\S+)$/

/** @param written text that matches `hashKeyPattern` */
function parseHashKey(written: string): WrittenKey {
  const colon = written.indexOf(':')
  if (colon < 0) return { from: written as 'address' | 'uri' | 'path' }
  const from = written.slice(0, colon) as 'header' | 'cookie' | 'query' | 'claim'
  const name = written.slice(colon + 1)
  return { from, name: from === 'header' ? name.toLowerCase() : name }
}

/** Writes the key as in the file. */
function formatHashKey(key: WrittenKey): string {
  return 'name' in key ? `${key.from}:${key.name}` : key.from
}

/** What may be hashed, in words. */
export const hashKeys = 'address, uri, path, header:NAME, cookie:NAME, query:NAME or claim:NAME'

export const HashKeyText = written(matching(hashKeyPattern, hashKeys), parseHashKey, formatHashKey).prefault('address')
