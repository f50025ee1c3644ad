import { FIELD_VALUE, isBlank, TOKEN } from '../../http1/bytes.ts'
import { ConnectionError, ErrorCode } from '../error-code.ts'
import { DEFAULT_TABLE_SIZE } from '../frames/setting.ts'
import { DynamicTable } from './dynamic-table.ts'
import { Field, FieldKind, type FieldSink, LINE_OVERHEAD } from './field.ts'
import { decodedRoom, decodeHuffman } from './huffman.ts'
import { kindOf } from './known-name.ts'
import { staticFields } from './static-fields.ts'

/** The first bits of a field's representation say which it is (RFC 7541 §6); the bits below them begin a number. */
const INDEXED = 0x80
const WITH_INDEXING = 0x40
const RESIZE = 0x20
const IS_HUFFMAN = 0x80

/** A number may have so many bytes after its first; no size or index that is allowed needs more (RFC 7541 §5.1). */
const MOST_NUMBER_BYTES = 4

const COLON = 0x3a
const SPACE = 0x20
const CR = 0x0d
const LF = 0x0a

/** What is wrong with a byte, in a value and in a name (RFC 9113 §8.2.1): names have no capital letters. */
const BAD_IN_VALUE = 1
const BAD_IN_NAME = 2
const FAULTS = Uint8Array.from({ length: 256 }, (_, byte) => {
  const isName = TOKEN[byte] === 1 && !(byte >= 0x41 && byte <= 0x5a)
  return (FIELD_VALUE[byte] === 1 ? 0 : BAD_IN_VALUE) | (isName ? 0 : BAD_IN_NAME)
})

/** The line of a field that came as a literal. One serves all decoders of a thread: it is valid during the call only. */
const literal = new Field(Buffer.allocUnsafeSlow(4096), false)
/** An entry of a dynamic table. */
const entry = new Field(literal.bytes, true)

/** Decodes the field blocks of a connection, one after the other (RFC 7541). */
export class HpackDecoder {
  readonly #table: DynamicTable
  /** The largest table that the peer may choose. */
  #limit: number
  /** Whether the next block has to begin with a smaller size of the table (§4.2). */
  #mustShrink = false
  /** Where the next byte of the block is. */
  #at = 0

  /** @param maxTableSize with which both ends begin */
  constructor(maxTableSize = DEFAULT_TABLE_SIZE) {
    this.#table = new DynamicTable(maxTableSize)
    this.#limit = maxTableSize
  }

  /**
   * The peer has acknowledged this end's SETTINGS_HEADER_TABLE_SIZE. Where it is smaller than the table, the next block has to
   * begin with the table's new size.
   */
  limitTable(maxSize: number): void {
    this.#limit = maxSize
    this.#mustShrink = maxSize < this.#table.maxSize
  }

  /**
   * Decodes a whole block, `bytes[from, to)`. All of it must be decoded, wanted or not, so that the next one can be.
   *
   * @throws ConnectionError COMPRESSION_ERROR; then no other block may be decoded
   */
  decode(bytes: Buffer, from: number, to: number, sink: FieldSink): void {
    this.#at = from
    while (this.#at < to && (bytes[this.#at]! & 0xe0) === RESIZE) this.#resize(this.#number(bytes, to, 0x1f))
    if (this.#mustShrink && from < to)
      throw malformed('a block does not begin with the size of a table that had to shrink')
    while (this.#at < to) {
      const first = bytes[this.#at]!
      if (first >= INDEXED) {
        const index = first & 0x7f
        if (index === 0x7f) sink.field(this.#entry(this.#number(bytes, to, 0x7f)))
        else {
          this.#at++
          sink.field(this.#entry(index))
        }
      } else if (first >= WITH_INDEXING) {
        this.#literal(bytes, to, 0x3f)
        // In this order: the table may move its entries.
        sink.field(literal)
        this.#table.insert(literal.bytes, 0, literal.nameEnd, literal.end, literal.kind)
      } else if (first >= RESIZE) {
        throw malformed("the table's size changes within a block")
      } else {
        // Without indexing, or never indexed: the difference is for those who encode the field again.
        this.#literal(bytes, to, 0x0f)
        sink.field(literal)
      }
    }
  }

  #resize(size: number): void {
    if (size > this.#limit) throw malformed(`a table of ${size} bytes is larger than ${this.#limit}`)
    this.#mustShrink = false
    this.#table.resize(size)
  }

  /** The entry with that index, of the static or the dynamic table (§2.3.3). */
  #entry(index: number): Field {
    if (index <= staticFields.length) {
      if (index === 0) throw malformed('an index is 0')
      return staticFields[index - 1]!
    }
    const age = index - staticFields.length
    if (age > this.#table.count) throw malformed(`no field has index ${index}`)
    this.#table.read(this.#table.inserted - age, entry)
    return entry
  }

  /** Reads a literal field into `literal`. The lower bits of its first byte begin the index of its name. */
  #literal(bytes: Buffer, to: number, mask: number): void {
    const index = this.#number(bytes, to, mask)
    let kind: number
    let end: number
    if (index > 0) {
      const named = this.#entry(index)
      const length = named.nameEnd - named.start
      makeRoom(0, length)
      for (let i = 0; i < length; i++) literal.bytes[i] = named.bytes[named.start + i]!
      end = length
      kind = named.kind
      // Its value may have been what was wrong with it.
      if (kind === FieldKind.Malformed) kind = kindOfName(end)
    } else {
      end = this.#string(bytes, to, 0)
      kind = kindOfName(end)
    }
    literal.nameEnd = end
    makeRoom(end, LINE_OVERHEAD)
    literal.bytes[end] = COLON
    literal.bytes[end + 1] = SPACE
    const start = end + 2
    end = this.#string(bytes, to, start)
    literal.kind = isValue(start, end) ? kind : FieldKind.Malformed
    makeRoom(end, 2)
    literal.bytes[end] = CR
    literal.bytes[end + 1] = LF
    literal.end = end + 2
  }

  /** Reads a string (§5.2) into `literal` at that offset; returns the offset after it. */
  #string(bytes: Buffer, to: number, start: number): number {
    if (this.#at >= to) throw cutOff()
    const isHuffman = (bytes[this.#at]! & IS_HUFFMAN) !== 0
    const length = this.#number(bytes, to, 0x7f)
    const from = this.#at
    if (length > to - from) throw cutOff()
    this.#at = from + length
    if (isHuffman) {
      makeRoom(start, decodedRoom(length))
      return decodeHuffman(bytes, from, from + length, literal.bytes, start)
    }
    makeRoom(start, length)
    const target = literal.bytes
    for (let i = 0; i < length; i++) target[start + i] = bytes[from + i]!
    return start + length
  }

  /** Reads a number that begins with the bits of `mask` in the next byte (§5.1). */
  #number(bytes: Buffer, to: number, mask: number): number {
    let at = this.#at
    let value = bytes[at++]! & mask
    if (value === mask) {
      const last = at + MOST_NUMBER_BYTES
      let scale = 1
      for (;;) {
        if (at >= to) throw cutOff()
        if (at >= last) throw malformed('a number is too large')
        const byte = bytes[at++]!
        value += (byte & 0x7f) * scale
        if (byte < 0x80) break
        scale *= 128
      }
    }
    this.#at = at
    return value
  }
}

/** Makes room for `length` bytes in `literal`, after `used` that are to be kept. */
function makeRoom(used: number, length: number): void {
  if (used + length <= literal.bytes.length) return
  const larger = Buffer.allocUnsafeSlow(2 * (used + length))
  larger.set(literal.bytes.subarray(0, used))
  literal.bytes = larger
}

/** What kind of field a literal is, by its name: its first `end` bytes. */
function kindOfName(end: number): number {
  const { bytes } = literal
  let faults = end === 0 ? BAD_IN_NAME : 0
  for (let at = bytes[0] === COLON ? 1 : 0; at < end; at++) faults |= FAULTS[bytes[at]!]!
  return (faults & BAD_IN_NAME) === 0 ? kindOf(bytes, 0, end) : FieldKind.Malformed
}

function isValue(start: number, end: number): boolean {
  if (start === end) return true
  const { bytes } = literal
  if (isBlank(bytes[start]!) || isBlank(bytes[end - 1]!)) return false
  let faults = 0
  for (let at = start; at < end; at++) faults |= FAULTS[bytes[at]!]!
  return (faults & BAD_IN_VALUE) === 0
}

function malformed(reason: string): ConnectionError {
  return new ConnectionError(ErrorCode.CompressionError, reason)
}

function cutOff(): ConnectionError {
  return malformed('a field block is cut off')
}
