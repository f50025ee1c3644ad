import { COLON, CR, FIELD_VALUE, LF, lower, SPACE, TAB, TOKEN } from './bytes.ts'
import { fieldNameOf } from './field-name.ts'
import { MessageError } from './message-error.ts'

/** How large a head may be: its bytes in total, and its fields. */
export interface HeadLimits {
  readonly headSize: number
  readonly headers: number
}

const NONE = Buffer.alloc(0)
/** The offsets kept for each field: its name's start and end, its value's start and end. */
const STRIDE = 4

/**
 * The head of a message as ranges over the bytes that arrived: nothing is decoded before it is asked for.
 *
 * A head is read in one pass, from its first byte each time; if it is incomplete, the caller keeps the bytes and calls again
 * with more. A line is judged once its end has arrived, so the outcome never depends on how the network split the bytes.
 */
export abstract class Head {
  bytes: Buffer = NONE
  /** The message's first byte. */
  start = 0
  /** The first byte after the empty line that ends the head. */
  end = 0
  /** 0 or 1: the digit after `HTTP/1.`. */
  minorVersion = 1
  /** How many fields there are. */
  count = 0
  /** A `FieldName` for each field. */
  names = new Uint8Array(128)
  #offsets = new Int32Array(128 * STRIDE)

  /**
   * Reads a head that begins at `start`.
   *
   * @returns whether it is complete; if not, call again with the same bytes and more
   * @throws MessageError if the head breaks the rules or a limit
   */
  parse(bytes: Buffer, start: number, limits: HeadLimits): boolean {
    this.bytes = bytes
    this.start = start
    this.count = 0
    const available = bytes.length - start
    const to = available > limits.headSize ? start + limits.headSize : bytes.length
    const afterLine = this.parseStartLine(to)
    const end = afterLine < 0 ? afterLine : this.#parseFields(afterLine, to, limits.headers)
    if (end >= 0) {
      this.end = end
      return true
    }
    if (available < limits.headSize) return false
    throw afterLine < 0
      ? new MessageError(`the first line is longer than ${limits.headSize} bytes`, 'target-too-long')
      : new MessageError(`the head is longer than ${limits.headSize} bytes`, 'head-too-large')
  }

  /** Reads the first line, from `this.start`. Returns the offset after it, or -1 if it has not all arrived before `to`. */
  protected abstract parseStartLine(to: number): number

  /** Reads field lines and the empty line after them. Returns the offset after that, or -1 if it has not arrived. */
  #parseFields(from: number, to: number, most: number): number {
    const bytes = this.bytes
    let at = from
    for (;;) {
      if (at >= to) return -1
      if (bytes[at] === CR) {
        if (at + 1 >= to) return -1
        if (bytes[at + 1] === LF) return at + 2
        return this.faultOrWait(at, to, 'a carriage return has no line feed after it')
      }
      const nameStart = at
      while (at < to && TOKEN[bytes[at]!] === 1) at++
      if (at >= to) return -1
      if (bytes[at] !== COLON || at === nameStart) return this.faultOrWait(at, to, faultOfName(bytes, nameStart, at))
      const nameEnd = at
      at++
      while (at < to && (bytes[at] === SPACE || bytes[at] === TAB)) at++
      const valueStart = at
      while (at < to && FIELD_VALUE[bytes[at]!] === 1) at++
      if (at + 1 >= to) {
        if (at < to && bytes[at] !== CR) return this.faultOrWait(at, to, faultOfValue(bytes[at]!))
        return -1
      }
      if (bytes[at] !== CR) return this.faultOrWait(at, to, faultOfValue(bytes[at]!))
      if (bytes[at + 1] !== LF) return this.faultOrWait(at, to, 'a carriage return has no line feed after it')
      let valueEnd = at
      while (valueEnd > valueStart && (bytes[valueEnd - 1] === SPACE || bytes[valueEnd - 1] === TAB)) valueEnd--
      at += 2
      this.#add(nameStart, nameEnd, valueStart, valueEnd, most)
    }
  }

  #add(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number, most: number): void {
    const index = this.count
    if (most !== 0 && index >= most)
      throw new MessageError(`there are more than ${most} header fields`, 'head-too-large')
    if (index >= this.names.length) this.#grow()
    const at = index * STRIDE
    this.#offsets[at] = nameStart
    this.#offsets[at + 1] = nameEnd
    this.#offsets[at + 2] = valueStart
    this.#offsets[at + 3] = valueEnd
    this.names[index] = fieldNameOf(this.bytes, nameStart, nameEnd)
    this.count = index + 1
  }

  #grow(): void {
    const names = new Uint8Array(this.names.length * 2)
    names.set(this.names)
    this.names = names
    const offsets = new Int32Array(this.#offsets.length * 2)
    offsets.set(this.#offsets)
    this.#offsets = offsets
  }

  /** Throws if the faulty line has ended; else returns -1, so that it is judged when it has. */
  protected faultOrWait(at: number, to: number, fault: string): -1 {
    for (let i = at; i < to; i++) {
      if (this.bytes[i] === LF) throw new MessageError(fault)
    }
    return -1
  }

  nameStart(field: number): number {
    return this.#offsets[field * STRIDE]!
  }

  nameEnd(field: number): number {
    return this.#offsets[field * STRIDE + 1]!
  }

  valueStart(field: number): number {
    return this.#offsets[field * STRIDE + 2]!
  }

  valueEnd(field: number): number {
    return this.#offsets[field * STRIDE + 3]!
  }

  /** The first byte after a field's line: the next one's name, or the empty line at the head's end. */
  lineEnd(field: number): number {
    return field + 1 < this.count ? this.nameStart(field + 1) : this.end - 2
  }

  /** A field's value as it arrived, one character a byte. */
  value(field: number): string {
    return this.bytes.toString('latin1', this.valueStart(field), this.valueEnd(field))
  }

  /** Whether a field's value is exactly that text of one character a byte. */
  hasValue(field: number, text: string): boolean {
    const from = this.valueStart(field)
    if (this.valueEnd(field) - from !== text.length) return false
    for (let i = 0; i < text.length; i++) {
      if (this.bytes[from + i] !== text.charCodeAt(i)) return false
    }
    return true
  }

  /** The index of the first field of that name, or -1. */
  find(name: number): number {
    for (let field = 0; field < this.count; field++) {
      if (this.names[field] === name) return field
    }
    return -1
  }

  /** The index of the last field of that name, or -1. */
  findLast(name: number): number {
    for (let field = this.count - 1; field >= 0; field--) {
      if (this.names[field] === name) return field
    }
    return -1
  }

  /** The index of the first field from `from` on with that (lower-case) name, or -1: for names that `FieldName` does not list. */
  findNamed(name: string, from = 0): number {
    next: for (let field = from; field < this.count; field++) {
      const start = this.nameStart(field)
      if (this.nameEnd(field) - start !== name.length) continue
      for (let i = 0; i < name.length; i++) {
        if (lower(this.bytes[start + i]!) !== name.charCodeAt(i)) continue next
      }
      return field
    }
    return -1
  }
}

function faultOfName(bytes: Uint8Array, nameStart: number, at: number): string {
  const byte = bytes[at]!
  if (at === nameStart) {
    if (byte === SPACE || byte === TAB) return 'a header line begins with white space (line folding is obsolete)'
    if (byte === COLON) return 'a header line has no name before its colon'
  }
  if (byte === SPACE || byte === TAB) return "there is white space before a header's colon"
  if (byte === CR || byte === LF) return 'a header line has no colon'
  return "a header's name has a byte that no name may have"
}

function faultOfValue(byte: number): string {
  return byte === LF ? 'a line ends in a line feed alone' : "a header's value has a control character"
}
