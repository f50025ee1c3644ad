import { equalsIgnoringCase } from '../http1/bytes.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import type { Head } from '../http1/head.ts'

const SESSION = Buffer.from('limpet-session')
const SERVER = Buffer.from('limpet-server')
const END = Buffer.from('end')
const DRAIN = Buffer.from('drain')
const READY = Buffer.from('ready')

/** The longest part of an unknown value that is reported. */
const LONGEST_SHOWN = 40

/** What a server asks for itself. */
export type ServerWish = 'drain' | 'ready'

/**
 * The headers in which a server speaks to Limpet (docs/session-ends.md): `Limpet-Session: end`, and `Limpet-Server: drain`
 * or `ready`. They end at this hop, as if Connection named them. Reads one head after another.
 */
export class ControlHeaders {
  /** Whether the session of the request is over. */
  endsSession = false
  wish: ServerWish | undefined
  /** The last field whose value means nothing, as a line; undefined for none. */
  unknown: string | undefined

  /** Returns the options with which the head is passed on, without these headers. */
  read(head: Head, options: ConnectionOptions): ConnectionOptions {
    this.endsSession = false
    this.wish = this.unknown = undefined
    let { named } = options
    for (let field = 0; field < head.count; field++) {
      const isSession = isNamed(head, field, SESSION)
      if (!isSession && !isNamed(head, field, SERVER)) continue
      if (named.length === 0) named = new Uint8Array(head.count)
      named[field] = 1
      if (isSession && hasValue(head, field, END)) this.endsSession = true
      else if (!isSession && hasValue(head, field, DRAIN)) this.wish = 'drain'
      else if (!isSession && hasValue(head, field, READY)) this.wish = 'ready'
      else
        this.unknown = `${isSession ? 'Limpet-Session' : 'Limpet-Server'}: ${head.value(field).slice(0, LONGEST_SHOWN)}`
    }
    return named === options.named ? options : { ...options, named }
  }
}

function isNamed(head: Head, field: number, name: Uint8Array): boolean {
  return equalsIgnoringCase(head.bytes, head.nameStart(field), head.nameEnd(field), name)
}

function hasValue(head: Head, field: number, value: Uint8Array): boolean {
  return equalsIgnoringCase(head.bytes, head.valueStart(field), head.valueEnd(field), value)
}
