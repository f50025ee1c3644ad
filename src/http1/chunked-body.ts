import { CR, HEX, LF } from './bytes.ts'
import { CLIENTS_EXTENSION, MALFORMED, mayEndExtension, readExtension, SERVERS_EXTENSION } from './chunk-extension.ts'
import type { Head, HeadLimits } from './head.ts'
import { MessageError } from './message-error.ts'
import { Trailers } from './trailers.ts'

/** Is given the ranges of a body that are to be sent on. */
export interface BodySink {
  bodyBytes(bytes: Buffer, from: number, to: number): void
}

/** Who sends a body: what follows a chunk's size is read strictly for clients, and leniently for servers. */
export type Sender = 'client' | 'server'

/** What the next byte is part of. */
const Part = {
  Size: 0,
  Extension: 1,
  SizeLf: 2,
  Data: 3,
  DataCr: 4,
  DataLf: 5,
  LastLine: 6,
  LastLf: 7,
  Trailers: 8,
} as const

/** Digits of a chunk's size: up to 2^52, so that no sum overflows. */
const MAX_SIZE_DIGITS = 13
/** Bytes of extensions and padding in one body. */
const MAX_EXTENSION_BYTES = 4096

const trailers = new Trailers()

/**
 * Reads a chunked body (RFC 9112 §7.1), strictly and in whatever pieces it arrives. What is sent on is either the data
 * alone or the data in its own framing, as one range wherever it lies together: all chunks, up to the line of the last
 * one. Padding and chunk extensions are checked and dropped (§7.1.1). The trailer section is read apart, since not all of
 * its fields may be sent on (§7.1.2): whoever sends the chunks on writes its own.
 */
export class ChunkedBody {
  /** Whether the body has been read to its end. */
  done = false
  /** Bytes of data read so far, without their framing. */
  length = 0
  readonly #keepFraming: boolean
  readonly #limits: HeadLimits
  readonly #extensionStart: number
  #part: number = Part.Size
  #digits = 0
  #remaining = 0
  #extension: number = MALFORMED
  #extensionBytes = 0
  /** The fields after the last chunk, once they have been read; they hold during the call that ends the body. */
  trailers: Head | undefined
  /** Trailers that have arrived without their end. */
  #held: Buffer | undefined

  constructor(keepFraming: boolean, limits: HeadLimits, sender: Sender = 'client') {
    this.#keepFraming = keepFraming
    this.#limits = limits
    this.#extensionStart = sender === 'client' ? CLIENTS_EXTENSION : SERVERS_EXTENSION
  }

  /**
   * Reads on from `from`. Nothing of `bytes` is kept: its memory may be used again.
   *
   * @returns the offset after the last byte that belongs to this body
   * @throws MessageError if the framing breaks the rules
   */
  read(bytes: Buffer, from: number, sink: BodySink): number {
    const framing = this.#keepFraming
    const to = bytes.length
    let part = this.#part
    let at = from
    /** Where the range that is still to be sent on begins; -1 if there is none. */
    let kept = (framing ? part <= Part.DataLf && part !== Part.Extension : part === Part.Data) ? from : -1
    while (at < to && !this.done) {
      const byte = bytes[at]!
      switch (part) {
        case Part.Size:
          if (HEX[byte] !== 255) {
            if (++this.#digits > MAX_SIZE_DIGITS) throw new MessageError("a chunk's size is too large")
            this.#remaining = this.#remaining * 16 + HEX[byte]!
            at++
          } else if (this.#digits === 0) {
            throw new MessageError("a chunk's size is not a hexadecimal number")
          } else if (byte === CR) {
            at++
            part = Part.SizeLf
          } else {
            if (framing && at > kept) sink.bodyBytes(bytes, kept, at)
            kept = -1
            part = Part.Extension
            this.#extension = this.#extensionStart
          }
          break
        case Part.Extension:
          if (byte === CR && mayEndExtension(this.#extension)) {
            if (framing) kept = at
            part = Part.SizeLf
          } else {
            this.#readExtension(byte)
          }
          at++
          break
        case Part.SizeLf:
          if (byte !== LF) throw new MessageError("a chunk's size does not end in carriage return and line feed")
          at++
          part = this.#remaining === 0 ? Part.LastLine : Part.Data
          if (!framing && part === Part.Data) kept = at
          break
        case Part.Data: {
          const size = Math.min(this.#remaining, to - at)
          at += size
          this.length += size
          this.#remaining -= size
          if (this.#remaining > 0) break
          part = Part.DataCr
          if (!framing) {
            sink.bodyBytes(bytes, kept, at)
            kept = -1
          }
          break
        }
        case Part.DataCr:
          if (byte !== CR) throw new MessageError('a chunk does not end where its size says')
          at++
          part = Part.DataLf
          break
        case Part.DataLf:
          if (byte !== LF) throw new MessageError('a chunk does not end in carriage return and line feed')
          at++
          this.#digits = 0
          part = Part.Size
          break
        case Part.LastLine:
          if (kept >= 0) sink.bodyBytes(bytes, kept, at)
          kept = -1
          part = byte === CR ? Part.LastLf : Part.Trailers
          if (part === Part.LastLf) at++
          break
        case Part.LastLf:
          if (byte !== LF) throw new MessageError('the last chunk is followed by unexpected bytes')
          at++
          this.done = true
          break
        case Part.Trailers:
          at = this.#readTrailers(bytes, at)
          break
      }
    }
    this.#part = part
    if (kept >= 0 && at > kept) sink.bodyBytes(bytes, kept, at)
    return at
  }

  #readExtension(byte: number): void {
    const place = readExtension(this.#extension, byte)
    if (place === MALFORMED) {
      const isFirst = this.#extension === this.#extensionStart
      throw new MessageError(
        isFirst ? "a chunk's size is followed by unexpected bytes" : 'a chunk extension is malformed',
      )
    }
    if (++this.#extensionBytes > MAX_EXTENSION_BYTES) throw new MessageError('the chunk extensions are too long')
    this.#extension = place
  }

  #readTrailers(bytes: Buffer, from: number): number {
    const held = this.#held?.length ?? 0
    const section = this.#held ? Buffer.concat([this.#held, bytes.subarray(from)]) : bytes.subarray(from)
    const limits = this.#limits
    // Only the end of a line decides anything: bytes that arrive one by one must not be read again for each.
    const mayDecide = bytes.indexOf(LF, from) >= 0 || section.length >= limits.headSize
    if (mayDecide && trailers.parse(section, 0, limits)) {
      this.#held = undefined
      this.done = true
      this.trailers = trailers
      return from + trailers.end - held
    }
    // The bytes may lie in memory that is reused for the next read; those put together above do not.
    this.#held = held === 0 ? Buffer.from(section) : section
    return bytes.length
  }
}
