/** Frames of RFC 6455 §5.2 as either side writes them, byte for byte. */
export interface FrameOptions {
  readonly opcode?: number
  readonly final?: boolean
  /** The masking key of a client's frame; left out: an unmasked one, as a server's. */
  readonly key?: readonly number[] | undefined
  /** Bytes of the length, 0, 2 or 8, in place of the shortest form. */
  readonly lengthSize?: number
}

export const TEXT = 1
export const BINARY = 2
export const CLOSE = 8
export const PING = 9

export const KEY = [0x12, 0x34, 0xab, 0xcd] as const

export function frame(
  payload: Uint8Array | string,
  { opcode = BINARY, final = true, key, lengthSize }: FrameOptions = {},
): Buffer {
  const bytes = Buffer.from(payload as string)
  const size = lengthSize ?? (bytes.length < 126 ? 0 : bytes.length < 65_536 ? 2 : 8)
  const header = Buffer.alloc(2 + size)
  header[0] = (final ? 0x80 : 0) | opcode
  header[1] = (key === undefined ? 0 : 0x80) | (size === 0 ? bytes.length : size === 2 ? 126 : 127)
  if (size === 2) header.writeUInt16BE(bytes.length, 2)
  if (size === 8) header.writeBigUInt64BE(BigInt(bytes.length), 2)
  return Buffer.concat([header, Buffer.from(key ?? []), key === undefined ? bytes : masked(bytes, key)])
}

export function masked(bytes: Uint8Array, key: ArrayLike<number>): Buffer {
  return Buffer.from(bytes.map((byte, at) => byte ^ key[at % 4]!))
}

export function closeFrame(code: number, reason = '', key?: readonly number[]): Buffer {
  const payload = Buffer.from(`\0\0${reason}`)
  payload.writeUInt16BE(code)
  return frame(payload, { opcode: CLOSE, key })
}
