import type { Scratch } from '../../transport/scratch.ts'
import type { ErrorCode } from '../error-code.ts'
import { Flag, FRAME_HEADER, FrameType } from './frame-type.ts'

/** Functions that append frames (RFC 9113 §6). */

function writeFrameHeader(out: Scratch, length: number, type: number, flags: number, streamId: number): void {
  out.reserve(FRAME_HEADER)
  fillFrameHeader(out, out.length, length, type, flags, streamId)
  out.length += FRAME_HEADER
}

function fillFrameHeader(
  { bytes }: Scratch,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  bytes[at] = length >>> 16
  bytes[at + 1] = length >>> 8
  bytes[at + 2] = length
  bytes[at + 3] = type
  bytes[at + 4] = flags
  bytes[at + 5] = streamId >>> 24
  bytes[at + 6] = streamId >>> 16
  bytes[at + 7] = streamId >>> 8
  bytes[at + 8] = streamId
}

function writeUint32(out: Scratch, value: number): void {
  out.reserve(4)
  const { bytes } = out
  const at = out.length
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
  out.length = at + 4
}

/** The frame header of DATA; its bytes follow. */
export function writeDataHeader(out: Scratch, streamId: number, length: number, isLast: boolean): void {
  writeFrameHeader(out, length, FrameType.Data, isLast ? Flag.EndStream : 0, streamId)
}

/**
 * Makes room for the frame header of HEADERS. The field block is written next, and `endHeaders` completes the frame.
 *
 * @returns the frame's offset, for `endHeaders`
 */
export function beginHeaders(out: Scratch): number {
  const at = out.length
  out.reserve(FRAME_HEADER)
  out.length += FRAME_HEADER
  return at
}

/**
 * Completes the HEADERS frame whose field block was written since `beginHeaders` returned `frame`. A block that is longer than
 * the peer allows frames to be goes on in CONTINUATION frames.
 */
export function endHeaders(out: Scratch, frame: number, streamId: number, isLast: boolean, maxFrameSize: number): void {
  const length = out.length - frame - FRAME_HEADER
  const flags = isLast ? Flag.EndStream : 0
  if (length <= maxFrameSize)
    return fillFrameHeader(out, frame, length, FrameType.Headers, flags | Flag.EndHeaders, streamId)
  const more = Math.ceil(length / maxFrameSize) - 1
  out.reserve(more * FRAME_HEADER)
  out.length += more * FRAME_HEADER
  // From the last to the first, since each part moves to make room for the frame headers before it.
  for (let part = more; part >= 0; part--) {
    const from = frame + FRAME_HEADER + part * maxFrameSize
    const size = Math.min(maxFrameSize, length - part * maxFrameSize)
    const header = frame + part * (FRAME_HEADER + maxFrameSize)
    if (part > 0) out.bytes.copyWithin(header + FRAME_HEADER, from, from + size)
    const type = part === 0 ? FrameType.Headers : FrameType.Continuation
    const own = (part === 0 ? flags : 0) | (part === more ? Flag.EndHeaders : 0)
    fillFrameHeader(out, header, size, type, own, streamId)
  }
}

export function writeRstStream(out: Scratch, streamId: number, code: ErrorCode): void {
  writeFrameHeader(out, 4, FrameType.RstStream, 0, streamId)
  writeUint32(out, code)
}

/** @param settings pairs of a setting and its value */
export function writeSettings(out: Scratch, settings: readonly (readonly [id: number, value: number])[]): void {
  writeFrameHeader(out, 6 * settings.length, FrameType.Settings, 0, 0)
  for (const [id, value] of settings) {
    out.reserve(2)
    out.bytes[out.length++] = id >>> 8
    out.bytes[out.length++] = id
    writeUint32(out, value)
  }
}

export function writeSettingsAck(out: Scratch): void {
  writeFrameHeader(out, 0, FrameType.Settings, Flag.Ack, 0)
}

/** The opaque data is `bytes[from, from + 8)`. */
export function writePing(out: Scratch, isAck: boolean, bytes: Buffer, from: number): void {
  writeFrameHeader(out, 8, FrameType.Ping, isAck ? Flag.Ack : 0, 0)
  out.copy(bytes, from, from + 8)
}

/** @param reason for people, in ASCII */
export function writeGoAway(out: Scratch, lastStreamId: number, code: ErrorCode, reason = ''): void {
  writeFrameHeader(out, 8 + reason.length, FrameType.GoAway, 0, 0)
  writeUint32(out, lastStreamId)
  writeUint32(out, code)
  out.text(reason)
}

/** @param streamId 0 for the connection's window */
export function writeWindowUpdate(out: Scratch, streamId: number, increment: number): void {
  writeFrameHeader(out, 4, FrameType.WindowUpdate, 0, streamId)
  writeUint32(out, increment)
}
