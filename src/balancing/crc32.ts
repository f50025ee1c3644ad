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
