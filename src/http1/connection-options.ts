import { COMMA, equalsIgnoringCase, isBlank, TOKEN } from './bytes.ts'
import { FieldName } from './field-name.ts'
import { FieldTable } from './field-table.ts'
import type { Head } from './head.ts'
import { hashByte } from './name-hash.ts'

/** What the Connection fields of a message say (RFC 9110 §7.6.1). */
export interface ConnectionOptions {
  readonly close: boolean
  readonly keepAlive: boolean
  readonly upgrade: boolean
  /**
   * By a field's index in its head: 1 if it is for this hop only because Connection names it. Empty if Connection names
   * none. Host is never one of them: the request would lose its meaning.
   */
  readonly named: Uint8Array
  /** The text of the fields if they list anything but these three options; trailers of such a name are for this hop, too. */
  readonly text: string
}

const KEEP_ALIVE = Buffer.from('keep-alive')
const CLOSE = Buffer.from('close')
const UPGRADE = Buffer.from('upgrade')

const NONE = new Uint8Array(0)
const nothing: ConnectionOptions = { close: false, keepAlive: false, upgrade: false, named: NONE, text: '' }
const onlyKeepAlive: ConnectionOptions = { ...nothing, keepAlive: true }
const onlyClose: ConnectionOptions = { ...nothing, close: true }

export function connectionOptions(head: Head): ConnectionOptions {
  const field = head.find(FieldName.Connection)
  if (field < 0) return nothing
  if (head.findLast(FieldName.Connection) === field) {
    // Nearly every message says one of these two words, or nothing.
    if (equalsIgnoringCase(head.bytes, head.valueStart(field), head.valueEnd(field), KEEP_ALIVE)) return onlyKeepAlive
    if (equalsIgnoringCase(head.bytes, head.valueStart(field), head.valueEnd(field), CLOSE)) return onlyClose
  }
  return reader.read(head)
}

/** Reads lists of options, one head after another. Each byte is read once, whatever the lists and the head are like. */
class OptionReader {
  #close = false
  #keepAlive = false
  #upgrade = false
  #named = NONE
  #hasOthers = false
  readonly #fields = new FieldTable()
  #isFilled = false

  read(head: Head): ConnectionOptions {
    this.#close = this.#keepAlive = this.#upgrade = this.#hasOthers = this.#isFilled = false
    this.#named = NONE
    for (let field = 0; field < head.count; field++) {
      if (head.names[field] === FieldName.Connection) this.#readList(head, field)
    }
    return {
      close: this.#close,
      keepAlive: this.#keepAlive,
      upgrade: this.#upgrade,
      named: this.#named,
      text: this.#hasOthers ? textOf(head) : '',
    }
  }

  #readList(head: Head, field: number): void {
    const { bytes } = head
    const to = head.valueEnd(field)
    let at = head.valueStart(field)
    while (at < to) {
      const from = at
      let hash = 0
      while (at < to && TOKEN[bytes[at]!] === 1) hash = hashByte(hash, bytes[at++]!)
      const end = at
      while (at < to && isBlank(bytes[at]!)) at++
      if (at >= to || bytes[at] === COMMA) {
        if (end > from) this.#take(head, hash, from, end)
        at++
      } else if (end > from || at === from) {
        // An option is a token; anything else is ignored.
        while (at < to && bytes[at] !== COMMA) at++
      }
    }
  }

  #take(head: Head, hash: number, from: number, to: number): void {
    const { bytes } = head
    switch (to - from) {
      case CLOSE.length:
        if (equalsIgnoringCase(bytes, from, to, CLOSE)) this.#close = true
        else this.#name(head, hash, from, to)
        break
      case UPGRADE.length:
        if (equalsIgnoringCase(bytes, from, to, UPGRADE)) this.#upgrade = true
        else this.#name(head, hash, from, to)
        break
      case KEEP_ALIVE.length:
        if (equalsIgnoringCase(bytes, from, to, KEEP_ALIVE)) this.#keepAlive = true
        else this.#name(head, hash, from, to)
        break
      default:
        this.#name(head, hash, from, to)
    }
  }

  #name(head: Head, hash: number, from: number, to: number): void {
    this.#hasOthers = true
    if (!this.#isFilled) this.#fields.enter(head)
    this.#isFilled = true
    for (let field = this.#fields.take(hash, from, to); field >= 0; field = this.#fields.take(hash, from, to)) {
      if (this.#named === NONE) this.#named = new Uint8Array(head.count)
      this.#named[field] = 1
    }
  }
}

function textOf(head: Head): string {
  let text = ''
  for (let field = 0; field < head.count; field++) {
    if (head.names[field] === FieldName.Connection) text += `${head.value(field)},`
  }
  return text
}

const reader = new OptionReader()

/** Whether the sender of a message means to go on using its connection (RFC 9112 §9.3). */
export function persists(head: Head, options: ConnectionOptions): boolean {
  return !options.close && (head.minorVersion === 1 || options.keepAlive)
}
