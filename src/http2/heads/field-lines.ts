import { type Field, FieldKind, type FieldSink } from '../hpack/field.ts'

const NONE = Buffer.alloc(0)
const FEWEST_BYTES = 4096
const CRLF = Buffer.from('\r\n')
/** Up to this many bytes, a loop is faster than a call into native code. */
const SHORT = 40

/**
 * Makes a head of HTTP/1.1 of a field block, so that one strict reader serves both protocols:
 *
 * ```ts
 * lines.begin(limits.headSize)
 * decoder.decode(block, from, to, lines)
 * lines.finish()
 * if (lines.fault !== '') …  // malformed: a stream error, PROTOCOL_ERROR
 * else if (lines.isTooLarge) …  // 431
 * else head.parse(lines.bytes.subarray(0, lines.length), 0, limits)
 * ```
 *
 * One object serves all blocks of a worker, one after the other: `bytes` hold until the next `begin`. A block may stand for
 * many more bytes than it has, so they are counted before they are copied.
 */
export abstract class FieldLines implements FieldSink {
  /** The head, after `finish`: `bytes[0, length)`. */
  bytes = Buffer.allocUnsafeSlow(FEWEST_BYTES)
  length = 0
  /** Why the message is malformed (RFC 9113 §8.1.1); empty if it is not. */
  fault = ''
  /** Whether the head would have more bytes than it may; then there is none. */
  isTooLarge = false
  #room = 0
  /** Lines that are still to be copied: `#source[#sourceStart, #sourceEnd)`. */
  #source: Buffer = NONE
  #sourceStart = 0
  #sourceEnd = 0

  /** @param headSize the most bytes of the head */
  begin(headSize: number): void {
    this.#room = headSize
    this.length = 0
    this.fault = ''
    this.isTooLarge = false
    this.#sourceStart = this.#sourceEnd = 0
  }

  field(field: Field): void {
    if (this.fault !== '' || this.isTooLarge) return
    const { kind } = field
    // After a literal, which the table may take in, the memory of entries is no longer theirs.
    if (!field.isEntry && this.#sourceStart < this.#sourceEnd) this.#copySource()
    if (kind === FieldKind.Other) this.addLine(field)
    else if (kind >= FieldKind.Method) this.special(field)
    else this.fault = faultOf(kind)
  }

  /** Ends the head. */
  finish(): void {
    if (this.fault !== '' || this.isTooLarge) return
    this.beginFields()
    if (this.fault === '') this.append(CRLF, 0, CRLF.length)
  }

  /** Called before each field that is not a pseudo-field, and at the end. */
  protected abstract beginFields(): void

  /** Takes a field whose name means something for the message. */
  protected abstract special(field: Field): void

  /** Takes over a field as it is. Entries that lie in a table one after the other are copied together. */
  protected addLine(field: Field): void {
    const { bytes, start, end } = field
    this.beginFields()
    if (this.fault !== '' || !this.admits(end - start)) return
    if (!field.isEntry) return this.append(bytes, start, end)
    if (start !== this.#sourceEnd || bytes !== this.#source) {
      this.#copySource()
      this.#source = bytes
      this.#sourceStart = start
    }
    this.#sourceEnd = end
  }

  #copySource(): void {
    const start = this.#sourceStart
    const end = this.#sourceEnd
    this.#sourceStart = this.#sourceEnd = 0
    if (start < end) this.append(this.#source, start, end)
  }

  /** Counts bytes of the head that are about to be copied; returns whether there is room for them. */
  protected admits(size: number): boolean {
    this.#room -= size
    if (this.#room >= 0) return true
    this.isTooLarge = true
    return false
  }

  protected append(bytes: Buffer, from: number, to: number): void {
    if (this.#sourceStart < this.#sourceEnd) this.#copySource()
    const size = to - from
    const start = this.length
    const target = this.#withRoom(start + size)
    if (size <= SHORT) for (let i = 0; i < size; i++) target[start + i] = bytes[from + i]!
    else bytes.copy(target, start, from, to)
    this.length = start + size
  }

  #withRoom(size: number): Buffer {
    if (size <= this.bytes.length) return this.bytes
    const larger = Buffer.allocUnsafeSlow(2 * size)
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
    return larger
  }
}

function faultOf(kind: number): string {
  if (kind === FieldKind.ConnectionSpecific) return 'a field belongs to connections of HTTP/1.1'
  if (kind === FieldKind.UnknownPseudo) return 'a pseudo-field is not known'
  return 'a field has a byte that it may not have'
}
