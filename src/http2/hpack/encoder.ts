import type { Scratch } from '../../transport/scratch.ts'
import { DEFAULT_TABLE_SIZE } from '../frames/setting.ts'
import { DynamicTable } from './dynamic-table.ts'
import { FIELD_OVERHEAD, Field, FieldKind, LINE_OVERHEAD } from './field.ts'
import { encodeHuffman, huffmanLength } from './huffman.ts'
import type { KnownName } from './known-name.ts'
import { staticFields } from './static-fields.ts'

/** The representations of a field (RFC 7541 §6), and how large a number fits into the rest of their first byte. */
const INDEXED = 0x80
const WITH_INDEXING = 0x40
const RESIZE = 0x20
const NEVER_INDEXED = 0x10
const WITHOUT_INDEXING = 0x00
const HUFFMAN = 0x80

/** A number takes at most so many bytes. */
const MOST_NUMBER_BYTES = 6

const SLOT_BITS = 6
const SLOT_SHIFT = 32 - SLOT_BITS
/** Each slot has two places, so that two fields of a head that share one do not push out each other. */
const SLOT_SIZE = 2
const NONE = new Int32Array(0)
const MULTIPLIER = 0x9e3779b1

/** An entry's place is the lower bits of its number: a table has at most 128. Beyond these is the one before the first field. */
const PLACES = DEFAULT_TABLE_SIZE / FIELD_OVERHEAD - 1
const START = PLACES + 1

const COLON = 0x3a
const SPACE = 0x20
const CR = 0x0d
const LF = 0x0a

/** Bytes of names with their letters made small. */
const LOWER = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte))

/** The line of a field that is about to enter a table, and an entry of a table. */
let line = Buffer.allocUnsafeSlow(DEFAULT_TABLE_SIZE)
const entry = new Field(line, true)

/**
 * Of which fields the table may keep the values (RFC 7541 §7.1): on a connection that carries requests of many clients, only of
 * those with well-known names that are not secrets.
 */
export type Remembered = 'all' | 'well-known'

/**
 * Encodes the field blocks of a connection, one after the other (RFC 7541). A field enters the table when it is sent for the
 * second time, so that values that are sent only once do not push out others.
 */
export class HpackEncoder {
  readonly #remembered: Remembered
  readonly #table = new DynamicTable(DEFAULT_TABLE_SIZE)
  /** The size of the table from the next block on, and the smallest that the peer has asked for since the last block. */
  #nextSize = DEFAULT_TABLE_SIZE
  #smallestSize = DEFAULT_TABLE_SIZE
  /** By a field's hash, two to a slot: the number of the entry that it has or had, plus 1. */
  #slots = NONE
  /** By a field's hash, two to a slot: the last hashes that were sent. */
  #seen = NONE
  /**
   * By an entry's place: the number, plus 1, of the entry that followed it the last time. Heads of one origin have the same
   * fields in the same order, so that most fields are found by comparing them with one entry.
   */
  #successors = NONE
  /** The place of the entry that was sent last. */
  #place = START

  constructor(remembered: Remembered) {
    this.#remembered = remembered
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. A table that is larger than the initial one is not used. */
  setMaxSize(size: number): void {
    this.#nextSize = Math.min(size, DEFAULT_TABLE_SIZE)
    this.#smallestSize = Math.min(this.#smallestSize, this.#nextSize)
  }

  /** Begins a block. */
  begin(out: Scratch): void {
    this.#place = START
    const smallest = this.#smallestSize
    // §4.2: both the smallest size and the last one are to be said.
    if (smallest < this.#table.maxSize) this.#resize(out, smallest)
    if (this.#nextSize !== this.#table.maxSize) this.#resize(out, this.#nextSize)
    this.#smallestSize = this.#nextSize
  }

  #resize(out: Scratch, size: number): void {
    writeNumber(out, RESIZE, 0x1f, size)
    this.#table.resize(size)
  }

  /** Writes an entry of the static table. */
  staticField(out: Scratch, index: number): void {
    writeNumber(out, INDEXED, 0x7f, index)
  }

  /** Writes a field whose name is that of an entry of the static table, and which the table does not keep. */
  staticName(out: Scratch, index: number, bytes: Buffer, from: number, to: number): void {
    writeNumber(out, WITHOUT_INDEXING, 0x0f, index)
    writeString(out, bytes, from, to)
  }

  /**
   * Writes the field line of HTTP/1.1 that begins at `at`, if the table has it where it is expected.
   *
   * @returns the offset after the line; -1 if the line is still to be written
   */
  repeat(out: Scratch, bytes: Uint8Array, at: number, to: number): number {
    if (this.#successors === NONE) return -1
    const number = this.#successors[this.#place]! - 1
    const { inserted, count } = this.#table
    if (number < inserted - count) return -1
    this.#table.read(number, entry)
    const { start, nameEnd, end } = entry
    const after = at + end - start
    if (after > to) return -1
    const other = entry.bytes
    let from = at
    let compared = start
    while (compared < nameEnd) if (LOWER[bytes[from++]!] !== other[compared++]) return -1
    while (compared < end) if (bytes[from++] !== other[compared++]) return -1
    this.#place = number & PLACES
    writeNumber(out, INDEXED, 0x7f, staticFields.length + inserted - number)
    return after
  }

  /**
   * Writes a field.
   *
   * @param known what is known of its name, if anything is
   */
  field(
    out: Scratch,
    known: KnownName | undefined,
    bytes: Buffer,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
  ): void {
    let representation = WITHOUT_INDEXING
    if (known?.isSecret) {
      representation = NEVER_INDEXED
    } else if (known !== undefined || this.#remembered === 'all') {
      const hash = hashOf(bytes, nameStart, nameEnd, valueStart, valueEnd)
      if (this.#successors === NONE) this.#allocate()
      const number = this.#find(slotOf(hash), bytes, nameStart, nameEnd, valueStart, valueEnd)
      if (number >= 0) {
        this.#follow(number)
        return writeNumber(out, INDEXED, 0x7f, staticFields.length + this.#table.inserted - number)
      }
      const size = nameEnd - nameStart + valueEnd - valueStart + FIELD_OVERHEAD
      if (this.#hasSeen(hash) && size <= this.#table.maxSize) representation = WITH_INDEXING
    }
    const mask = representation === WITH_INDEXING ? 0x3f : 0x0f
    const index = known?.staticIndex ?? 0
    writeNumber(out, representation, mask, index)
    if (index === 0) writeName(out, bytes, nameStart, nameEnd)
    writeString(out, bytes, valueStart, valueEnd)
    if (representation === WITH_INDEXING) this.#insert(bytes, nameStart, nameEnd, valueStart, valueEnd)
  }

  #allocate(): void {
    this.#slots = new Int32Array(SLOT_SIZE << SLOT_BITS)
    this.#seen = new Int32Array(SLOT_SIZE << SLOT_BITS)
    this.#successors = new Int32Array(START + 1)
  }

  /** The number of the entry in that slot that is such a field; -1 if there is none. */
  #find(
    slot: number,
    bytes: Uint8Array,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
  ): number {
    for (let at = slot; at < slot + SLOT_SIZE; at++) {
      const number = this.#slots[at]! - 1
      if (this.#isEntry(number, bytes, nameStart, nameEnd, valueStart, valueEnd)) return number
    }
    return -1
  }

  /** Whether that hash is among those that its slot has seen; from now on it is. */
  #hasSeen(hash: number): boolean {
    const seen = this.#seen
    const slot = slotOf(hash)
    if (seen[slot] === hash) return true
    const isSecond = seen[slot + 1] === hash
    seen[slot + 1] = seen[slot]!
    seen[slot] = hash
    return isSecond
  }

  #isEntry(
    number: number,
    bytes: Uint8Array,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
  ): boolean {
    const table = this.#table
    if (number < table.inserted - table.count) return false
    table.read(number, entry)
    const other = entry.bytes
    let at = entry.start
    if (
      entry.nameEnd - at !== nameEnd - nameStart ||
      entry.end - at !== lineLength(nameStart, nameEnd, valueStart, valueEnd)
    )
      return false
    for (let i = nameStart; i < nameEnd; i++) if (LOWER[bytes[i]!] !== other[at++]) return false
    at += 2
    for (let i = valueStart; i < valueEnd; i++) if (bytes[i] !== other[at++]) return false
    return true
  }

  #insert(bytes: Uint8Array, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    const length = lineLength(nameStart, nameEnd, valueStart, valueEnd)
    if (length > line.length) line = Buffer.allocUnsafeSlow(length)
    let at = 0
    for (let i = nameStart; i < nameEnd; i++) line[at++] = LOWER[bytes[i]!]!
    line[at++] = COLON
    line[at++] = SPACE
    for (let i = valueStart; i < valueEnd; i++) line[at++] = bytes[i]!
    line[at++] = CR
    line[at++] = LF
    const number = this.#table.inserted
    this.#table.insert(line, 0, nameEnd - nameStart, length, FieldKind.Other)
    const slot = slotOf(hashOf(bytes, nameStart, nameEnd, valueStart, valueEnd))
    this.#slots[slot + 1] = this.#slots[slot]!
    this.#slots[slot] = number + 1
    this.#follow(number)
  }

  #follow(number: number): void {
    this.#successors[this.#place] = number + 1
    this.#place = number & PLACES
  }
}

function lineLength(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): number {
  return nameEnd - nameStart + valueEnd - valueStart + LINE_OVERHEAD
}

/** Where the places of a hash's slot begin. */
function slotOf(hash: number): number {
  return (hash >>> SLOT_SHIFT) * SLOT_SIZE
}

function hashOf(bytes: Uint8Array, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): number {
  let hash = nameEnd - nameStart
  for (let at = nameStart; at < nameEnd; at++) hash = Math.imul(hash ^ LOWER[bytes[at]!]!, MULTIPLIER)
  for (let at = valueStart; at < valueEnd; at++) hash = Math.imul(hash ^ bytes[at]!, MULTIPLIER)
  return hash
}

/** Writes a number after the bits of `first`, into those of `mask` and as many bytes more as it needs (§5.1). */
function writeNumber(out: Scratch, first: number, mask: number, value: number): void {
  out.reserve(MOST_NUMBER_BYTES)
  const { bytes } = out
  let at = out.length
  if (value < mask) {
    bytes[at++] = first | value
  } else {
    bytes[at++] = first | mask
    let rest = value - mask
    for (; rest >= 0x80; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80
    bytes[at++] = rest
  }
  out.length = at
}

/** Writes a name with small letters. Few have no index, and of these most are sent only once so. */
function writeName(out: Scratch, bytes: Uint8Array, from: number, to: number): void {
  if (to - from > line.length) line = Buffer.allocUnsafeSlow(to - from)
  for (let at = from; at < to; at++) line[at - from] = LOWER[bytes[at]!]!
  writeString(out, line, 0, to - from)
}

/** Writes a string, in Huffman's code if that is shorter (§5.2). */
function writeString(out: Scratch, bytes: Buffer, from: number, to: number): void {
  const encoded = huffmanLength(bytes, from, to)
  if (encoded < to - from) {
    writeNumber(out, HUFFMAN, 0x7f, encoded)
    out.reserve(encoded)
    out.length = encodeHuffman(bytes, from, to, out.bytes, out.length)
  } else {
    writeNumber(out, 0, 0x7f, to - from)
    out.copy(bytes, from, to)
  }
}
