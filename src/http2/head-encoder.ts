import type { Head } from '../http1/head.ts'
import type { Scratch } from '../transport/scratch.ts'
import type { Role } from './frame-reader.ts'

/**
 * Turns heads of HTTP/1.1, as forwarding/ writes them, into the field blocks of one connection. Fields that mean something in
 * HTTP/1.1 only are left out: Connection, Keep-Alive, Proxy-Connection, Transfer-Encoding, Upgrade and, in requests, TE other
 * than `trailers`.
 *
 * ```ts
 * const frame = beginHeaders(out)
 * encoder.response(out, bytes, from, to)
 * endHeaders(out, frame, streamId, isLast, maxFrameSize)
 * ```
 */
export class HeadEncoder {
  constructor(role: Role) {
    void role
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  setMaxTableSize(size: number): void {
    void size
  }

  /** Encodes the head of a response in `bytes[from, to)`, interim or final. A 101 becomes a 200 (RFC 8441 §5). */
  response(out: Scratch, bytes: Buffer, from: number, to: number): void {
    void [out, bytes, from, to]
  }

  /**
   * Encodes the head of a request in `bytes[from, to)`. Its Host becomes `:authority`; with `Upgrade: websocket`, it becomes an
   * extended CONNECT (RFC 8441 §4).
   *
   * @param isSecure whether the connection is TLS: the scheme
   */
  request(out: Scratch, bytes: Buffer, from: number, to: number, isSecure: boolean): void {
    void [out, bytes, from, to, isSecure]
  }

  trailers(out: Scratch, head: Head): void {
    void [out, head]
  }
}
