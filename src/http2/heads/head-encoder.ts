import { COLON, CR, equalsIgnoringCase, isBlank, LF, SPACE } from '../../http1/bytes.ts'
import type { Head } from '../../http1/head.ts'
import type { Scratch } from '../../transport/scratch.ts'
import type { Role } from '../frames/frame-sink.ts'
import { HpackEncoder } from '../hpack/encoder.ts'
import { FieldKind } from '../hpack/field.ts'
import { knownName } from '../hpack/known-name.ts'
import { HeldBytes } from './held-bytes.ts'

/** Where the status begins in `HTTP/1.1 200`. */
const STATUS_AT = 'HTTP/1.1 '.length
const SWITCHING_PROTOCOLS = 101
const OK = 200

/** Indexes of HPACK's static table (RFC 7541, Appendix A). */
const Static = { Get: 2, Post: 3, Path: 4, Http: 6, Https: 7, Status: 8 } as const
const statusIndexes: Readonly<Record<number, number>> = { 200: 8, 204: 9, 206: 10, 304: 11, 400: 12, 404: 13, 500: 14 }

const GET = Buffer.from('GET')
const POST = Buffer.from('POST')
const ROOT = Buffer.from('/')
const HOST = Buffer.from('host')
const AUTHORITY = Buffer.from(':authority: ')
const TRAILERS = Buffer.from('trailers')
const CONNECT = Buffer.from('CONNECT')
const PROTOCOL_LINE = Buffer.from(':protocol: websocket\r\n')

/** The line of HTTP/1.1 that would be that of `:authority`. */
const authority = new HeldBytes()

/**
 * Turns heads of HTTP/1.1, as forwarding/ writes them, into the field blocks of one connection. Fields that belong to a connection
 * of HTTP/1.1 are left out (RFC 9113 §8.2.2).
 *
 * ```ts
 * const frame = beginHeaders(out)
 * encoder.response(out, bytes, from, to)
 * endHeaders(out, frame, streamId, isLast, maxFrameSize)
 * ```
 */
export class HeadEncoder {
  readonly #encoder: HpackEncoder
  /** Whether the head begins a WebSocket, or confirms one: over HTTP/2 there is no key to confirm. */
  #hasNoProof = false

  constructor(role: Role) {
    // A client's responses are its own; a connection to a server carries requests of many clients.
    this.#encoder = new HpackEncoder(role === 'server' ? 'all' : 'well-known')
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  setMaxTableSize(size: number): void {
    this.#encoder.setMaxSize(size)
  }

  /** Encodes the head of a response in `bytes[from, to)`, interim or final. A 101 becomes a 200 (RFC 8441 §5). */
  response(out: Scratch, bytes: Buffer, from: number, to: number): void {
    const at = from + STATUS_AT
    const status = (bytes[at]! - 0x30) * 100 + (bytes[at + 1]! - 0x30) * 10 + (bytes[at + 2]! - 0x30)
    const isSwitching = status === SWITCHING_PROTOCOLS
    this.#hasNoProof = isSwitching
    const index = statusIndexes[isSwitching ? OK : status]
    this.#encoder.begin(out)
    if (index !== undefined) this.#encoder.staticField(out, index)
    else this.#encoder.staticName(out, Static.Status, bytes, at, at + 3)
    this.#fields(out, bytes, afterLine(bytes, at, to), to)
  }

  /**
   * Encodes the head of a request in `bytes[from, to)`, whose target is a path or an asterisk. Its Host becomes `:authority`. A
   * CONNECT, which has no path otherwise, is an extended one for a WebSocket (RFC 8441 §4).
   *
   * @param isSecure whether the connection is TLS: the scheme
   */
  request(out: Scratch, bytes: Buffer, from: number, to: number, isSecure: boolean): void {
    const encoder = this.#encoder
    const methodEnd = bytes.indexOf(SPACE, from)
    const targetEnd = bytes.indexOf(SPACE, methodEnd + 1)
    const fields = afterLine(bytes, targetEnd, to)
    const isConnect = isWord(bytes, from, methodEnd, CONNECT)
    this.#hasNoProof = isConnect
    encoder.begin(out)
    if (isWord(bytes, from, methodEnd, GET)) encoder.staticField(out, Static.Get)
    else if (isWord(bytes, from, methodEnd, POST)) encoder.staticField(out, Static.Post)
    else encoder.staticName(out, Static.Get, bytes, from, methodEnd)
    if (isConnect) this.#line(out, PROTOCOL_LINE, 0, PROTOCOL_LINE.length)
    encoder.staticField(out, isSecure ? Static.Https : Static.Http)
    this.#authority(out, bytes, fields, to)
    if (isWord(bytes, methodEnd + 1, targetEnd, ROOT)) encoder.staticField(out, Static.Path)
    else encoder.staticName(out, Static.Path, bytes, methodEnd + 1, targetEnd)
    this.#fields(out, bytes, fields, to)
  }

  /** Encodes the Host of the field lines in `bytes[from, to)` as `:authority`. */
  #authority(out: Scratch, bytes: Buffer, from: number, to: number): void {
    let at = from
    while (at < to && !(bytes[at + HOST.length] === COLON && equalsIgnoringCase(bytes, at, at + HOST.length, HOST)))
      at = afterLine(bytes, at, to)
    if (at >= to) return
    at += HOST.length + 1
    while (isBlank(bytes[at]!)) at++
    const line = authority
    line.set(AUTHORITY, 0, AUTHORITY.length)
    line.add(bytes, at, afterLine(bytes, at, to))
    if (this.#encoder.repeat(out, line.bytes, 0, line.length) < 0) this.#line(out, line.bytes, 0, line.length)
  }

  /** Encodes a trailer section. */
  trailers(out: Scratch, head: Head): void {
    this.#encoder.begin(out)
    for (let field = 0; field < head.count; field++) {
      this.#field(
        out,
        head.bytes,
        head.nameStart(field),
        head.nameEnd(field),
        head.valueStart(field),
        head.valueEnd(field),
      )
    }
  }

  /** Encodes the field lines of a head, from the first one on. */
  #fields(out: Scratch, bytes: Buffer, from: number, to: number): void {
    let at = from
    while (at < to && bytes[at] !== CR) {
      const after = this.#encoder.repeat(out, bytes, at, to)
      at = after >= 0 ? after : this.#line(out, bytes, at, to)
    }
  }

  /** Encodes the field line that begins at `nameStart`; returns the offset after it. */
  #line(out: Scratch, bytes: Buffer, nameStart: number, to: number): number {
    // The name of a pseudo-field begins with a colon.
    let at = nameStart + 1
    while (at < to && bytes[at] !== COLON) at++
    const nameEnd = at++
    while (isBlank(bytes[at]!)) at++
    const valueStart = at
    while (at < to && bytes[at] !== CR) at++
    let valueEnd = at
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1]!)) valueEnd--
    this.#field(out, bytes, nameStart, nameEnd, valueStart, valueEnd)
    return at + 2
  }

  #field(out: Scratch, bytes: Buffer, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    const known = knownName(bytes, nameStart, nameEnd)
    if (known !== undefined) {
      const { kind } = known
      if (kind === FieldKind.ConnectionSpecific || kind === FieldKind.Host) return
      if (kind === FieldKind.Te && !equalsIgnoringCase(bytes, valueStart, valueEnd, TRAILERS)) return
      if (kind === FieldKind.WebSocketProof && this.#hasNoProof) return
    }
    this.#encoder.field(out, known, bytes, nameStart, nameEnd, valueStart, valueEnd)
  }
}

function isWord(bytes: Buffer, from: number, to: number, word: Buffer): boolean {
  if (to - from !== word.length) return false
  for (let i = 0; i < word.length; i++) {
    if (bytes[from + i] !== word[i]) return false
  }
  return true
}

/** The offset after the line that `at` is in. */
function afterLine(bytes: Buffer, at: number, to: number): number {
  let end = at
  while (end < to && bytes[end] !== LF) end++
  return end + 1
}
