/** Frames of HTTP/2 (RFC 9113 §4), written and read independently of the program under test. */

export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

export const FRAME_TYPES = [
  'DATA',
  'HEADERS',
  'PRIORITY',
  'RST_STREAM',
  'SETTINGS',
  'PUSH_PROMISE',
  'PING',
  'GOAWAY',
  'WINDOW_UPDATE',
  'CONTINUATION',
] as const

export const FLAGS: Readonly<Record<string, number>> = {
  ACK: 0x1,
  END_STREAM: 0x1,
  END_HEADERS: 0x4,
  PADDED: 0x8,
  PRIORITY: 0x20,
}

/** By their codes. */
export const ERRORS = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
]

export const SETTINGS: Readonly<Record<string, number>> = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
  ENABLE_CONNECT_PROTOCOL: 8,
  NO_RFC7540_PRIORITIES: 9,
}

export interface Frame {
  readonly type: number
  readonly flags: number
  /** With the reserved bit, if it is set. */
  readonly stream: number
  readonly payload: Buffer
}

/** The bytes of a frame. Its length may be a lie. */
export function frameBytes({ type, flags, stream, payload }: Frame, length = payload.length): Buffer {
  const header = Buffer.alloc(9)
  header.writeUIntBE(length, 0, 3)
  header[3] = type
  header[4] = flags
  header.writeUInt32BE(stream >>> 0, 5)
  return Buffer.concat([header, payload])
}

/** A number in 4 bytes, as streams, increments, settings and error codes have them. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

/** The frames in bytes that arrive in pieces. */
export class FrameParser {
  #pending = Buffer.alloc(0)

  read(bytes: Buffer): Frame[] {
    this.#pending = Buffer.concat([this.#pending, bytes])
    const frames: Frame[] = []
    while (this.#pending.length >= 9) {
      const end = 9 + this.#pending.readUIntBE(0, 3)
      const frame = this.#pending
      if (frame.length < end) break
      this.#pending = frame.subarray(end)
      frames.push({ type: frame[3]!, flags: frame[4]!, stream: frame.readUInt32BE(5), payload: frame.subarray(9, end) })
    }
    return frames
  }
}
