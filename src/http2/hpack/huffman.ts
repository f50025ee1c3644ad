import { ConnectionError, ErrorCode } from '../error-code.ts'

/** How many bits the code of each byte has, and last that of EOS (RFC 7541, Appendix B). The code is canonical: this is all of it. */
// biome-ignore format: sixteen bytes a line
const CODE_LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
]
const EOS = 256
const LONGEST_CODE = 30
/** Codes of up to this many bits are found by one look into a table, often two of them at once. */
const ROOT_BITS = 12
/** The shortest code has five bits. */
const MOST_BYTES_FOR_EIGHT = 8 / 5

const LENGTHS = Uint8Array.from(CODE_LENGTHS)
const CODES = new Uint32Array(CODE_LENGTHS.length)
/**
 * By the next bits: the symbol whose code they begin with; above it the next symbol, if its code is complete too; then how many bits
 * both codes have, and how many the first one. 0 if the first code is longer.
 */
const ROOT = new Uint32Array(1 << ROOT_BITS)
const SECOND = 8
const BOTH_LENGTHS = 16
const FIRST_LENGTH = 20
const LENGTH_MASK = 0xf
/** By length: the first code of that length, how many there are, and where the first one's symbol is in SYMBOLS. */
const FIRST_CODES = new Uint32Array(LONGEST_CODE + 1)
const COUNTS = new Uint16Array(LONGEST_CODE + 1)
const OFFSETS = new Uint16Array(LONGEST_CODE + 1)
const SYMBOLS = new Uint16Array(CODE_LENGTHS.length)

let code = 0
let rank = 0
for (let length = 1; length <= LONGEST_CODE; length++) {
  code *= 2
  FIRST_CODES[length] = code
  OFFSETS[length] = rank
  for (let symbol = 0; symbol < CODE_LENGTHS.length; symbol++) {
    if (CODE_LENGTHS[symbol] !== length) continue
    CODES[symbol] = code
    if (length <= ROOT_BITS) {
      const spare = ROOT_BITS - length
      const entry = (length << FIRST_LENGTH) | (length << BOTH_LENGTHS) | symbol
      ROOT.fill(entry, code << spare, (code + 1) << spare)
    }
    SYMBOLS[rank++] = symbol
    COUNTS[length]!++
    code++
  }
}

/** Adds the second symbols, from those that are first in what is left of the bits. */
const FIRST = ROOT.slice()
for (let bits = 0; bits < ROOT.length; bits++) {
  const length = ROOT[bits]! >>> FIRST_LENGTH
  const second = FIRST[(bits << length) & (ROOT.length - 1)]!
  const both = length + (second >>> FIRST_LENGTH)
  if (length === 0 || second === 0 || both > ROOT_BITS) continue
  ROOT[bits] = (length << FIRST_LENGTH) | (both << BOTH_LENGTHS) | ((second & 0xff) << SECOND) | (ROOT[bits]! & 0xff)
}

/** The room that is needed for what so many encoded bytes stand for. */
export function decodedRoom(length: number): number {
  return Math.floor(length * MOST_BYTES_FOR_EIGHT) + 1
}

/**
 * Decodes `bytes[from, to)` into `target`, which has room for `decodedRoom` bytes.
 *
 * @param start where in `target`
 * @returns the offset after the last decoded byte
 * @throws ConnectionError for EOS, and for padding that is longer than 7 bits or not the beginning of EOS (RFC 7541 §5.2)
 */
export function decodeHuffman(bytes: Uint8Array, from: number, to: number, target: Uint8Array, start: number): number {
  let at = from
  let end = start
  /** Bits that have been taken from `bytes`, and how many: fewer than 20. */
  let bits = 0
  let count = 0
  for (;;) {
    while (count < ROOT_BITS && at < to) {
      bits = (bits << 8) | bytes[at++]!
      count += 8
    }
    if (count < ROOT_BITS) break
    const entry = ROOT[bits >>> (count - ROOT_BITS)]!
    if (entry !== 0) {
      const both = (entry >>> BOTH_LENGTHS) & LENGTH_MASK
      target[end++] = entry
      target[end] = entry >>> SECOND
      if (both > entry >>> FIRST_LENGTH) end++
      count -= both
      bits &= (1 << count) - 1
      continue
    }
    // A longer code, bit by bit.
    count -= ROOT_BITS
    let value = bits >>> count
    let length = ROOT_BITS
    do {
      if (count === 0) {
        if (at >= to) throw malformed('the padding of a Huffman code is too long')
        bits = bytes[at++]!
        count = 8
      }
      count--
      value = value * 2 + ((bits >>> count) & 1)
      length++
    } while (value - FIRST_CODES[length]! >= COUNTS[length]!)
    const symbol = SYMBOLS[OFFSETS[length]! + value - FIRST_CODES[length]!]!
    if (symbol === EOS) throw malformed('a string has the end of its Huffman code in it')
    target[end++] = symbol
    bits &= (1 << count) - 1
  }
  // A few bits are left: codes, and then padding, which is the beginning of EOS, all of it ones.
  while (count > 0) {
    const spare = ROOT_BITS - count
    const entry = ROOT[(bits << spare) | ((1 << spare) - 1)]!
    const length = entry >>> FIRST_LENGTH
    if (length === 0 || length > count) {
      if (count > 7) throw malformed('the padding of a Huffman code is too long')
      if (bits !== (1 << count) - 1) throw malformed('the padding of a Huffman code is not all ones')
      break
    }
    target[end++] = entry
    count -= length
    bits &= (1 << count) - 1
  }
  return end
}

/** How many bytes `bytes[from, to)` has when it is encoded. */
export function huffmanLength(bytes: Uint8Array, from: number, to: number): number {
  let bits = 0
  for (let at = from; at < to; at++) bits += LENGTHS[bytes[at]!]!
  return (bits + 7) >>> 3
}

/** Encodes `bytes[from, to)` into `target`, which has room for it; returns the offset after the last byte. */
export function encodeHuffman(bytes: Uint8Array, from: number, to: number, target: Uint8Array, start: number): number {
  let end = start
  /** Bits that are not yet written, and how many: fewer than 8 before each byte. What is above them is of no account. */
  let bits = 0
  let count = 0
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!
    const code = CODES[byte]!
    let length = LENGTHS[byte]!
    if (length > 24) {
      // Together with what is left, it would not fit into 32 bits.
      length -= 8
      bits = (bits << 8) | (code >>> length)
      target[end++] = bits >>> count
    }
    bits = (bits << length) | (code & ((1 << length) - 1))
    count += length
    while (count >= 8) {
      count -= 8
      target[end++] = bits >>> count
    }
  }
  if (count > 0) target[end++] = (bits << (8 - count)) | (0xff >>> count)
  return end
}

function malformed(reason: string): ConnectionError {
  return new ConnectionError(ErrorCode.CompressionError, reason)
}
