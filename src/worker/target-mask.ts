import type { ExchangeRecord } from '../observability/exchange-record.ts'
import { Redaction } from '../observability/redaction.ts'
import { normalisePath } from '../routing/path.ts'
import type { Affinity, Balance, HashKey, Snapshot } from '../runtime/snapshot.ts'

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
  readonly #redaction: Redaction

  constructor({ accessLog, upstreams }: Snapshot) {
    const keys = upstreams.flatMap(({ balance, affinity }) => [...parametersOf(balance), ...parametersOf(affinity)])
    this.#redaction = new Redaction([...new Set([...accessLog.redact, ...keys])])
  }

  of({ request, upstream }: ExchangeRecord): ShownTarget {
    const { bytes, pathStart, pathEnd, targetEnd } = request
    const target = bytes.toString('latin1', pathStart, targetEnd)
    const redacted = this.#redaction.url(bytes, pathStart, targetEnd).toString('latin1')
    const patterns = [segmentIn(upstream?.affinity), segmentIn(upstream?.balance)].filter((each) => each !== undefined)
    if (patterns.length === 0) return { text: redacted, isMasked: redacted !== target }
    const path = bytes.toString('latin1', pathStart, pathEnd)
    // Segments are counted in the normal form.
    const masked = patterns.reduce((text, pattern) => withoutSegment(text, pattern), normalisePath(path) ?? path)
    const query = redacted.indexOf('?')
    const text = masked + (query < 0 ? '' : redacted.slice(query))
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
  return 'key' in tie && tie.key.from === 'query' ? [tie.key.name] : []
}

function segmentIn(tie: Balance | Affinity | undefined): Segment['pattern'] | undefined {
  return tie !== undefined && 'key' in tie && tie.key.from === 'segment' ? tie.key.pattern : undefined
}

type Segment = Extract<HashKey, { from: 'segment' }>

/** The path with a mask for the segment at the position of the pattern's colon. */
function withoutSegment(path: string, pattern: Segment['pattern']): string {
  const segments = path.split('/')
  const position = pattern.indexOf(':') + 1
  if (segments[position] !== undefined && segments[position] !== '') segments[position] = MASK
  return segments.join('/')
}
