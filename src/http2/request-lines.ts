import type { HeadLimits } from '../http1/head.ts'
import type { Field, FieldSink } from './hpack/field.ts'

/**
 * Makes the head of an HTTP/1.1 request of a field block (RFC 9113 §8.3.1), for RequestHead to read:
 *
 * ```ts
 * lines.begin(limits)
 * decoder.decode(block, from, to, lines)
 * lines.finish()
 * if (lines.fault !== '') …  // malformed: a stream error, PROTOCOL_ERROR
 * else if (lines.isTooLarge) …  // 431
 * else head.parse(lines.bytes.subarray(0, lines.length), 0, limits)
 * ```
 *
 * One serves all requests of a worker, one after the other.
 */
export class RequestLines implements FieldSink {
  /** The head, after `finish`: `bytes[0, length)`. */
  bytes = Buffer.alloc(0)
  length = 0
  /** Why the request is malformed (§8.1.1); empty if it is not. */
  fault = ''
  /** Whether it exceeds the limits; then there is no head. */
  isTooLarge = false
  /** Whether it was an extended CONNECT for a WebSocket (RFC 8441), which became an Upgrade. */
  isExtendedConnect = false

  begin(limits: HeadLimits): void {
    void limits
  }

  field(field: Field): void {
    void field
  }

  finish(): void {}
}
