import { type NamedParts, valueIn } from '../runtime/named-part.ts'
import type { Affinity, Balance, HashKey } from '../runtime/snapshot.ts'

/** What of a request a key can be made of. Texts hold one byte a character (Latin-1), as the request had them. */
export interface KeySubject extends NamedParts {
  /** The client's, as text and as 4 or 16 octets. */
  readonly address: { readonly text: string; readonly octets: Uint8Array }
  /** The target from its path on, as the client wrote it: path and query. */
  readonly uri: string
  /** The path in its normal form, without the query. */
  readonly path: string
}

const NO_KEY = new Uint8Array(0)

/**
 * The bytes that a policy or an affinity ties a request to a server by: for `ip-hash` the octets of the client's address,
 * for a hash by a key what nginx's variable of that kind holds. Empty where nothing is asked for, or the request has none.
 */
export function keyFor(tie: Balance | Affinity, subject: KeySubject): Uint8Array {
  if (tie.type === 'ip-hash') return subject.address.octets
  if (!('key' in tie)) return NO_KEY
  const text = keyText(tie.key, subject)
  return text === undefined || text === '' ? NO_KEY : Buffer.from(text, 'latin1')
}

function keyText(key: HashKey, subject: KeySubject): string | undefined {
  switch (key.from) {
    case 'address':
      return subject.address.text
    case 'uri':
      return subject.uri
    case 'path':
      return subject.path
    case 'segment':
      return segmentOf(subject.path, key.pattern)
    default:
      return valueIn(subject, key)
  }
}

/** The segment of a path where the pattern has a colon; undefined where the path does not begin like the pattern. */
function segmentOf(path: string, pattern: readonly string[]): string | undefined {
  let found: string | undefined
  let from = 1
  for (const expected of pattern) {
    if (from > path.length) return undefined
    const slash = path.indexOf('/', from)
    const to = slash < 0 ? path.length : slash
    const segment = path.slice(from, to)
    if (expected === ':') found = segment
    else if (expected !== '*' && expected !== segment) return undefined
    from = to + 1
  }
  return found
}
