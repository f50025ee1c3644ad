import { equalsIgnoringCase } from './bytes.ts'
import { FieldName } from './field-name.ts'
import { forEachMember } from './framing.ts'
import type { Head } from './head.ts'

/** What the Connection fields of a message say (RFC 9110 §7.6.1). */
export interface ConnectionOptions {
  readonly close: boolean
  readonly keepAlive: boolean
  readonly upgrade: boolean
  /** Lower-case names of the fields that are for this hop only, besides those that always are. */
  readonly named: readonly string[]
}

const KEEP_ALIVE = Buffer.from('keep-alive')
const CLOSE = Buffer.from('close')

const nothing: ConnectionOptions = { close: false, keepAlive: false, upgrade: false, named: [] }
const onlyKeepAlive: ConnectionOptions = { ...nothing, keepAlive: true }
const onlyClose: ConnectionOptions = { ...nothing, close: true }

export function connectionOptions(head: Head): ConnectionOptions {
  let options = nothing
  for (let field = 0; field < head.count; field++) {
    if (head.names[field] !== FieldName.Connection) continue
    // Nearly every message says one of these two words, or nothing.
    if (equalsIgnoringCase(head.bytes, head.valueStart(field), head.valueEnd(field), KEEP_ALIVE)) {
      options = options === nothing ? onlyKeepAlive : { ...options, keepAlive: true }
    } else if (equalsIgnoringCase(head.bytes, head.valueStart(field), head.valueEnd(field), CLOSE)) {
      options = options === nothing ? onlyClose : { ...options, close: true }
    } else {
      options = withMembers(options, head, field)
    }
  }
  return options
}

function withMembers(before: ConnectionOptions, head: Head, field: number): ConnectionOptions {
  let { close, keepAlive, upgrade } = before
  const named = [...before.named]
  forEachMember(head, field, (from, to) => {
    const word = head.bytes.toString('latin1', from, to).toLowerCase()
    if (word === 'close') close = true
    else if (word === 'keep-alive') keepAlive = true
    else if (word === 'upgrade') upgrade = true
    else named.push(word)
  })
  return { close, keepAlive, upgrade, named }
}

/** Whether the sender of a message means to go on using its connection (RFC 9112 §9.3). */
export function persists(head: Head, options: ConnectionOptions): boolean {
  return !options.close && (head.minorVersion === 1 || options.keepAlive)
}
