import type { ExchangeRecord } from '../observability/exchange-record.ts'
import { RouteRedactions } from '../observability/route-redactions.ts'
import { normalisePath } from '../routing/path.ts'
import type { Affinity, Balance, HashKey, Snapshot, Upstream } from '../runtime/snapshot.ts'

const MASK = '***'
/** The parameter of Engine.IO with the id of a session. */
const SOCKET_IO_ID = 'sid'

/** A request's target as it may be shown. */
export interface ShownTarget {
  readonly text: string
  /** Whether anything in it is masked. */
  readonly isMasked: boolean
}

/**
 * Masks what nobody may see of a request's target: parameters that the access log redacts, and whatever sessions are known by.
 */
export class TargetMask {
  readonly #redactions: RouteRedactions
  /** Of all upstreams. */
  readonly #patterns: readonly Pattern[]

  constructor({ accessLog, upstreams }: Snapshot) {
    const keys = upstreams.flatMap(({ balance, affinity }) => [...parametersOf(balance), ...parametersOf(affinity)])
    this.#redactions = new RouteRedactions([...accessLog.redact, ...keys])
    this.#patterns = upstreams.flatMap(patternsOf)
  }

  of({ request, route, upstream }: ExchangeRecord): ShownTarget {
    const { bytes, pathStart, targetEnd } = request
    const target = bytes.toString('latin1', pathStart, targetEnd)
    const redacted = this.#redactions.of(route)?.url(bytes, pathStart, targetEnd).toString('latin1') ?? target
    // A request may have been refused before its upstream was known.
    const patterns = upstream === undefined ? this.#patterns : patternsOf(upstream)
    if (patterns.length === 0) return { text: redacted, isMasked: redacted !== target }
    const query = redacted.indexOf('?')
    const path = query < 0 ? redacted : redacted.slice(0, query)
    // Segments are counted in the normal form.
    const masked = patterns.reduce((text, pattern) => withoutSegment(text, pattern), normalisePath(path) ?? path)
    const text = masked + redacted.slice(path.length)
    return { text, isMasked: text !== target }
  }
}

/** The names of the parameters by which sessions are known, or requests tied to servers. */
function parametersOf(tie: Balance | Affinity | undefined): string[] {
  if (tie === undefined) return []
  if (tie.type === 'learn') {
    return tie.from.flatMap((source) => {
      if (source.from === 'socket.io') return [SOCKET_IO_ID]
      return source.from === 'query' ? [source.name] : []
    })
  }
  if (tie.type === 'server-id') {
    return tie.from.flatMap(({ from, name }) => (from === 'query' || from === 'segment-parameter' ? [name] : []))
  }
  return 'key' in tie && tie.key.from === 'query' ? [tie.key.name] : []
}

type Pattern = Extract<HashKey, { from: 'segment' }>['pattern']

function patternsOf({ balance, affinity }: Upstream): Pattern[] {
  return [balance, affinity].flatMap((tie) =>
    tie !== undefined && 'key' in tie && tie.key.from === 'segment' ? [tie.key.pattern] : [],
  )
}

/** The path with a mask for the segment at the position of the pattern's colon, if it matches. */
function withoutSegment(path: string, pattern: Pattern): string {
  const segments = path.split('/').slice(1)
  const matches = pattern.every((expected, at) => {
    const segment = segments[at]
    return segment !== undefined && (expected === ':' ? segment !== '' : expected === '*' || expected === segment)
  })
  return matches ? `/${segments.with(pattern.indexOf(':'), MASK).join('/')}` : path
}
