import { HYPHEN, lower, UNDERSCORE } from '../http1/bytes.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import type { Head } from '../http1/head.ts'

/** A field that is added to a head. It may be added to any number of them. */
export class AddedField {
  readonly name: string
  /** As names are compared. */
  readonly key: string
  readonly value: string
  /** With its line end. */
  readonly line: string

  /** @param value what cannot stand in a field is replaced: see `asFieldValue` */
  constructor(name: string, value: string) {
    this.name = name
    this.key = keyOf(name)
    this.value = asFieldValue(value)
    this.line = `${name}: ${this.value}\r\n`
  }
}

/** Most heads are passed on as they are: these are shared, and never changed. */
const NO_NAMES: string[] = []
const NO_FIELDS: AddedField[] = []

/**
 * Changes to a head that is passed on: some of its fields end here, and others are added, in order. Texts have one byte a
 * character (Latin-1), as in the head. Names are tokens, compared without regard to case; an underscore counts as a hyphen, since
 * servers that turn names into variables cannot tell the two apart.
 */
export class HeadEdits {
  /** As names are compared. An array of its own as soon as there is any, as the next one. */
  #removed: string[]
  #added: AddedField[]

  /** @param like begins with the same changes */
  constructor(like?: HeadEdits) {
    this.#removed = like === undefined ? NO_NAMES : [...like.#removed]
    this.#added = like === undefined ? NO_FIELDS : [...like.#added]
  }

  /** No field of that name is passed on, as far as it is there by now. */
  remove(name: string): void {
    this.#remove(keyOf(name))
  }

  #remove(key: string): void {
    if (this.#removed === NO_NAMES) this.#removed = [key]
    else if (!this.#removed.includes(key)) this.#removed.push(key)
    if (this.#added.some((field) => field.key === key)) this.#added = this.#added.filter((field) => field.key !== key)
  }

  /** One field of that name is passed on. */
  set(name: string, value: string): void {
    this.setField(new AddedField(name, value))
  }

  setField(field: AddedField): void {
    this.#remove(field.key)
    this.addField(field)
  }

  /** A further field of that name is passed on. */
  add(name: string, value: string): void {
    this.addField(new AddedField(name, value))
  }

  addField(field: AddedField): void {
    if (this.#added === NO_FIELDS) this.#added = [field]
    else this.#added.push(field)
  }

  /** Whether fields of that name in the head itself end here. */
  removes(name: string): boolean {
    return this.#removed.length > 0 && this.#removed.includes(keyOf(name))
  }

  /** The values of the added fields of that name. */
  addedValues(name: string): string[] {
    const wanted = keyOf(name)
    return this.#added.filter(({ key }) => key === wanted).map(({ value }) => value)
  }

  /** The value of the first field of that (lower-case) name, as it is passed on; undefined for none. */
  valueIn(head: Head, name: string): string | undefined {
    if (!this.removes(name)) {
      const field = head.findNamed(name)
      if (field >= 0) return head.value(field)
    }
    return this.addedValues(name)[0]
  }

  /** The added fields, in order. */
  get added(): [name: string, value: string][] {
    return this.#added.map(({ name, value }) => [name, value])
  }

  /** The added field lines, each with its line end. */
  get lines(): string {
    let text = ''
    for (const { line } of this.#added) text += line
    return text
  }

  /** The options with which the head is passed on: removed fields end at this hop, as if Connection named them. */
  optionsFor(head: Head, options: ConnectionOptions): ConnectionOptions {
    if (this.#removed.length === 0) return options
    let named: Uint8Array | undefined
    for (let field = 0; field < head.count; field++) {
      if (!this.#isRemoved(head, field)) continue
      named ??= options.named.length > 0 ? options.named.slice() : new Uint8Array(head.count)
      named[field] = 1
    }
    return named === undefined ? options : { ...options, named }
  }

  #isRemoved(head: Head, field: number): boolean {
    for (let index = 0; index < this.#removed.length; index++) {
      if (isNamed(head, field, this.#removed[index]!)) return true
    }
    return false
  }
}

/** Changes to the head of a request, whose target and host may be others, too. */
export class RequestEdits extends HeadEdits {
  /** The path and query that are sent on: `/path?query`. Undefined: as the client wrote them. */
  target: string | undefined
  /** The Host that is sent on. Undefined: as the client wrote it. */
  host: string | undefined
  /** Whether that is the server's own address. */
  hasServersHost = false

  /** @param like begins with the same changes */
  constructor(like?: RequestEdits) {
    super(like)
    if (like === undefined) return
    this.target = like.target
    this.host = like.host
    this.hasServersHost = like.hasServersHost
  }
}

/** The keys of names that have been asked for: nearly all are written in the configuration, and asked for with each request. */
const keys = new Map<string, string>()
const MOST_KEYS = 1000

function keyOf(name: string): string {
  const known = keys.get(name)
  if (known !== undefined) return known
  const key = name.toLowerCase().replaceAll('_', '-')
  if (keys.size < MOST_KEYS) keys.set(name, key)
  return key
}

function isNamed(head: Head, field: number, key: string): boolean {
  const from = head.nameStart(field)
  if (head.nameEnd(field) - from !== key.length) return false
  for (let index = 0; index < key.length; index++) {
    const byte = head.bytes[from + index]!
    if ((byte === UNDERSCORE ? HYPHEN : lower(byte)) !== key.charCodeAt(index)) return false
  }
  return true
}

/** Control characters become spaces (RFC 9110 §5.5), and characters beyond Latin-1 the bytes of UTF-8. */
export function asFieldValue(value: string): string {
  let isPlain = true
  let isWide = false
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index)
    if (code < 0x20 || code === 0x7f) isPlain = false
    else if (code > 0xff) isWide = true
  }
  if (isPlain && !isWide) return value
  const bytes = isWide ? Buffer.from(value, 'utf8').toString('latin1') : value
  return isPlain ? bytes : Array.from(bytes, (each) => (isControl(each.charCodeAt(0)) ? ' ' : each)).join('')
}

function isControl(code: number): boolean {
  return code < 0x20 || code === 0x7f
}
