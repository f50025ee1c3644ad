/** CRC-32 of IEEE 802.3, in parts: feed each to `update`, from START on, then `finish`. */
export const START = 0xffff_ffff

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb8_8320 : remainder >>> 1
  return remainder
})

export function update(state: number, bytes: Uint8Array): number {
  let crc = state
  for (let i = 0; i < bytes.length; i++) crc = TABLE[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8)
  return crc
}

export function finish(state: number): number {
  return ~state >>> 0
}

export function crc32(bytes: Uint8Array): number {
  return finish(update(START, bytes))
}

/**
 * For each power of two: what each bit of a state becomes when that many zero bytes are fed to it (zlib's
 * crc32_combine).
 */
const ZEROS = [Int32Array.from({ length: 32 }, (_, bit) => update(1 << bit, new Uint8Array(1)))]

/**
 * What a state becomes after `length` zero bytes, in time logarithmic in `length`. For any bytes and state,
 * `update(state, bytes)` is `update(0, bytes) ^ updateByZeros(state, bytes.length)`.
 */
export function updateByZeros(state: number, length: number): number {
  let crc = state
  for (let power = 0; length >> power > 0; power++) {
    const operator = ZEROS[power] ?? ZEROS[power - 1]!.map((image) => applied(ZEROS[power - 1]!, image))
    ZEROS[power] = operator
    if ((length >> power) & 1) crc = applied(operator, crc)
  }
  return crc
}

function applied(operator: Int32Array, state: number): number {
  let image = 0
  for (let bit = 0; bit < 32; bit++) if ((state >>> bit) & 1) image ^= operator[bit]!
  return image
}

/** The entries of the table, by their highest byte. */
const BY_HIGHEST = new Uint8Array(256)
for (const [index, entry] of TABLE.entries()) BY_HIGHEST[entry >>> 24] = index

/** Four bytes whose CRC-32 that is: the only four. */
export function bytesOf(crc: number): Uint8Array {
  let state = ~crc
  for (let byte = 0; byte < 4; byte++) {
    const index = BY_HIGHEST[state >>> 24]!
    state = ((state ^ TABLE[index]!) << 8) | index
  }
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, (state ^ START) >>> 0, true)
  return bytes
}
