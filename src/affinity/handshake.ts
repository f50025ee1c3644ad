import { brotliDecompressSync, constants, gunzipSync, inflateSync } from 'node:zlib'
import type { BodyReader } from './affinity.ts'

/** How many bytes of a body are searched, as they arrive and after decompression. */
const MAX_BYTES = 4096
const MAX_TEXT = 16 * 1024

/**
 * Each search starts at the body's first byte. This many are made as soon as there are more bytes, enough for a
 * handshake that arrives byte by byte; later ones wait for an eighth more, or for the body's end.
 */
const PROMPT_LOOKS = 256

/**
 * The start of the response to an Engine.IO handshake: a packet of type 0 with a JSON object. In version 4 this is
 * everything (`0{"sid":"…"`). In version 3 its length comes first, in digits (`96:0{…`) or, for clients that accept
 * binary data, as a zero, the digits as bytes, and 255 (engine.io-protocol, "Encoding, Payload"). For JSONP all of this
 * is a string in a call, with its quotes escaped (`___eio[0]("0{\"sid\":…`).
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: version 3 writes its lengths this way
const OPENING = /^(?:___eio\[\d+\]\(")?(?:\d+:|\0[\0-\x09]+\xff)?0\{[^{}]*?\\?"sid\\?"\s*:\s*\\?"([^"\\]+)\\?"/

/** Finds the session's id in the first bytes of the response to an Engine.IO handshake, compressed or not. */
export class HandshakeReader implements BodyReader {
  readonly most = MAX_BYTES
  readonly #encoding: string
  readonly #found: (sid: string) => void
  readonly #bytes = Buffer.allocUnsafe(MAX_BYTES)
  #length = 0
  #looks = 0
  /** How many bytes there were at the last search, and how many the next one needs. */
  #lookedAt = 0
  #nextLook = 0

  /**
   * @param encoding the response's Content-Encoding; empty for none
   * @param found is called with the id, one character for each byte; not called if there is none
   */
  constructor(encoding: string, found: (sid: string) => void) {
    this.#encoding = encoding.toLowerCase()
    this.#found = found
  }

  read(bytes: Buffer): boolean {
    this.#length += bytes.copy(this.#bytes, this.#length)
    return this.#length < this.#nextLook || this.#look()
  }

  end(): void {
    if (this.#length > this.#lookedAt) this.#look()
  }

  /** Searches for the id; returns whether it may still come. */
  #look(): boolean {
    const length = this.#length
    const text = unpack(this.#bytes.subarray(0, length), this.#encoding)
    if (text === undefined) return false
    const sid = OPENING.exec(text)?.[1]
    if (sid === undefined) {
      this.#looks++
      this.#lookedAt = length
      this.#nextLook = this.#looks < PROMPT_LOOKS ? 0 : Math.min(MAX_BYTES, length + (length >> 3))
      return length < MAX_BYTES
    }
    this.#found(sid)
    return false
  }
}

/** The decompressed text of these first bytes, as far as possible; undefined if it can never be decompressed. */
function unpack(bytes: Buffer, encoding: string): string | undefined {
  // These are only the first bytes, so their end is no error.
  const zlib = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MAX_TEXT }
  const brotli = { finishFlush: constants.BROTLI_OPERATION_FLUSH, maxOutputLength: MAX_TEXT }
  try {
    switch (encoding) {
      case '':
      case 'identity':
        return bytes.toString('latin1')
      case 'gzip':
      case 'x-gzip':
        return gunzipSync(bytes, zlib).toString('latin1')
      case 'deflate':
        return inflateSync(bytes, zlib).toString('latin1')
      case 'br':
        return brotliDecompressSync(bytes, brotli).toString('latin1')
      default:
        return undefined
    }
  } catch {
    return undefined
  }
}
