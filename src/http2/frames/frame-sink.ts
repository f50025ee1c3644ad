import type { ErrorCode } from '../error-code.ts'

/** Which end of its connection a session is. */
export type Role = 'client' | 'server'

/**
 * Is given the frames of a connection, one after the other. Bytes are valid during the call only. Frames are well-formed by
 * themselves; whether their stream is in a state for them is for the sink to judge. It may throw a ConnectionError anywhere.
 */
export interface FrameSink {
  /**
   * A DATA frame begins.
   *
   * @param length counts for flow control: the whole payload, padding included
   * @returns whether its data is wanted; if not, neither `data` nor `dataEnds` follows
   */
  dataBegins(streamId: number, length: number, isLast: boolean): boolean
  /** Data of the frame, in the pieces that it arrives in. */
  data(streamId: number, bytes: Buffer, from: number, to: number): void
  dataEnds(streamId: number, isLast: boolean): void
  /**
   * HEADERS, together with the CONTINUATION frames that follow it.
   *
   * @param isLast whether the stream ends with it
   * @param dependsOn the stream that its priority names (RFC 9113 §5.3.2, deprecated); 0 for none
   */
  headers(streamId: number, block: Buffer, from: number, to: number, isLast: boolean, dependsOn: number): void
  priority(streamId: number, dependsOn: number): void
  rstStream(streamId: number, code: ErrorCode): void
  /** One setting of a SETTINGS frame, in the frame's order; its value is in range. */
  setting(id: number, value: number): void
  settingsEnd(isAck: boolean): void
  /** The opaque data is `bytes[from, from + 8)`. */
  ping(isAck: boolean, bytes: Buffer, from: number): void
  goAway(lastStreamId: number, code: ErrorCode): void
  /** @param streamId 0 for the connection's window */
  windowUpdate(streamId: number, increment: number): void
  /** A frame breaks a rule in a way that ends its stream only (RFC 9113 §5.4.2). */
  streamError(streamId: number, code: ErrorCode, reason: string): void
}
