import { type NamedParts, valueIn } from '../runtime/named-part.ts'
import type { Affinity, Balance, HashKey } from '../runtime/snapshot.ts'

/**
 * The parts of a request that a key can be made of. Texts have one character for each byte (Latin-1), as in the
 * request.
 */
export interface KeySubject extends NamedParts {
  /** The client's address, as text and as 4 or 16 octets. */
  readonly address: { readonly text: string; readonly octets: Uint8Array }
  /** The path and the query, as the client sent them. */
  readonly uri: string
  /** The normalised path, without the query. */
  readonly path: string
  /** A claim of the token that was verified; undefined for none. */
  claim?(name: string): string | undefined
}

const NO_KEY = new Uint8Array(0)

/**
 * The bytes by which a policy or an affinity ties a request to a server: for `ip-hash` the octets of the client's
 * address, for a hash by a key the value of nginx's variable of that kind. Empty if none are needed, or the request has
 * none.
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
    case 'claim':
      return subject.claim?.(key.name)
    default:
      return valueIn(subject, key)
  }
}

/** The segment of a path at the position of the pattern's colon; undefined if the path does not match the pattern. */
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
