import { ConnectionError } from '../../src/http2/error-code.ts'
import { FrameReader } from '../../src/http2/frames/frame-reader.ts'
import type { FrameSink, Role } from '../../src/http2/frames/frame-sink.ts'
import { PREFACE } from '../../src/http2/frames/frame-type.ts'

export const LIMITS = { frameSize: 16_384, headerBlock: 65_536 }

/** The bytes of a frame. */
export function frame(type: number, flags: number, streamId: number, payload: Uint8Array | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'hex') : Buffer.from(payload)
  const header = Buffer.alloc(9)
  header.writeUIntBE(body.length, 0, 3)
  header[3] = type
  header[4] = flags
  header.writeUInt32BE(streamId, 5)
  return Buffer.concat([header, body])
}

export const EMPTY_SETTINGS = frame(0x4, 0, 0)

/** What each connection begins with, as this end reads it in that role. */
export const opening = (role: Role): Buffer =>
  role === 'server' ? Buffer.concat([PREFACE, EMPTY_SETTINGS]) : EMPTY_SETTINGS

/** Notes each call as a line of text; data that arrives in several pieces is one line. */
export class FrameRecorder implements FrameSink {
  readonly calls: string[] = []
  /** The streams whose data is not wanted. */
  readonly unwanted: ReadonlySet<number>

  constructor(unwanted: Iterable<number> = []) {
    this.unwanted = new Set(unwanted)
  }

  dataBegins(streamId: number, length: number, isLast: boolean): boolean {
    this.calls.push(`data ${streamId} begins, ${length} bytes${isLast ? ', last' : ''}`, '')
    if (this.unwanted.has(streamId)) this.calls.pop()
    return !this.unwanted.has(streamId)
  }

  data(_streamId: number, bytes: Buffer, from: number, to: number): void {
    if (from >= to || to > bytes.length) throw new Error('a range that is none')
    this.calls[this.calls.length - 1] += bytes.toString('hex', from, to)
  }

  dataEnds(streamId: number, isLast: boolean): void {
    this.calls.push(`data ${streamId} ends${isLast ? ', last' : ''}`)
  }

  headers(streamId: number, block: Buffer, from: number, to: number, isLast: boolean, dependsOn: number): void {
    if (from > to || to > block.length) throw new Error('a range that is none')
    const priority = dependsOn > 0 ? `, depends on ${dependsOn}` : ''
    this.calls.push(`headers ${streamId} ${block.toString('hex', from, to)}${isLast ? ', last' : ''}${priority}`)
  }

  priority(streamId: number, dependsOn: number): void {
    this.calls.push(`priority ${streamId} depends on ${dependsOn}`)
  }

  rstStream(streamId: number, code: number): void {
    this.calls.push(`rst ${streamId} ${code}`)
  }

  setting(id: number, value: number): void {
    this.calls.push(`setting ${id} ${value}`)
  }

  settingsEnd(isAck: boolean): void {
    this.calls.push(isAck ? 'settings ack' : 'settings end')
  }

  ping(isAck: boolean, bytes: Buffer, from: number): void {
    this.calls.push(`ping ${bytes.toString('hex', from, from + 8)}${isAck ? ', ack' : ''}`)
  }

  goAway(lastStreamId: number, code: number): void {
    this.calls.push(`goaway ${lastStreamId} ${code}`)
  }

  windowUpdate(streamId: number, increment: number): void {
    this.calls.push(`window ${streamId} ${increment}`)
  }

  streamError(streamId: number, code: number, reason: string): void {
    this.calls.push(`stream error ${streamId} ${code} ${reason}`)
  }
}

/** The pieces of `bytes` between those offsets, each in memory of its own. */
export function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [...new Set([...cuts, bytes.length])]
    .filter((end) => end > 0 && end <= bytes.length)
    .sort((a, b) => a - b)
  return ends.map((end, index) => Buffer.from(bytes.subarray(index === 0 ? 0 : ends[index - 1], end)))
}

/**
 * What a reader finds in the bytes, split at those offsets. The last line is the error that ends it, if one does. Any other
 * error is thrown.
 */
export function readFrames(
  bytes: Buffer,
  { role = 'server' as Role, cuts = [] as readonly number[], limits = LIMITS, unwanted = [] as readonly number[] } = {},
): string[] {
  const recorder = new FrameRecorder(unwanted)
  const reader = new FrameReader(recorder, role, limits)
  try {
    for (const piece of pieces(bytes, cuts)) {
      reader.read(piece)
      // Nothing of it may be kept.
      piece.fill(0xee)
    }
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error
    recorder.calls.push(`connection error ${error.code}: ${error.message}`)
  }
  return recorder.calls
}
