import { deepEqual, equal, ok } from 'node:assert/strict'
import { passedTrailers, writeTrailerSection } from '../../src/forwarding/passed-trailers.ts'
import { ChunkedBody } from '../../src/http1/chunked-body.ts'
import { connectionOptions } from '../../src/http1/connection-options.ts'
import { CHUNKED, type Framing, framingOfRequest } from '../../src/http1/framing.ts'
import type { HeadLimits } from '../../src/http1/head.ts'
import { MessageError } from '../../src/http1/message-error.ts'
import { RequestHead } from '../../src/http1/request-head.ts'
import { Scratch } from '../../src/transport/scratch.ts'
import { decodeChunks } from './reference.ts'

/** A request as it was read. Every part is text with one byte per character. */
export interface ReadRequest {
  readonly method: string
  readonly target: string
  readonly path: string
  readonly authority: string
  readonly plainPath: boolean
  readonly minorVersion: number
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly framing: Framing
  /** The head's bytes. */
  readonly head: string
  body: string
  /** The body in its framing, as it is forwarded. */
  framed: string
}

/** The outcome of a connection. */
export interface Reading {
  readonly requests: readonly ReadRequest[]
  /** Whether the last request is incomplete, or the head of the next one is. */
  readonly unfinished: boolean
  /** The status and the text of the error that ended it. */
  readonly fault: string | undefined
}

/** Reads a connection's bytes as the proxy does: parses as much as possible of what has arrived. */
export class RequestStream {
  readonly #limits: HeadLimits
  readonly #head = new RequestHead()
  readonly #requests: ReadRequest[] = []
  #pending: Buffer = Buffer.alloc(0)
  #remaining = 0
  /** The body, read once for its data and once for its framing. */
  #chunked: readonly ChunkedBody[] | undefined
  /** What the Connection fields of its head list. */
  #options = ''
  #fault: string | undefined

  constructor(limits: HeadLimits) {
    this.#limits = limits
  }

  feed(bytes: Buffer): void {
    if (this.#fault !== undefined) return
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes])
    try {
      this.#advance()
    } catch (error) {
      if (!(error instanceof MessageError)) throw error
      this.#fault = `${error.fault} ${error.message}`
      if (this.#chunked !== undefined) this.#requests.at(-1)!.body = this.#requests.at(-1)!.framed = '…'
    }
  }

  get reading(): Reading {
    const unfinished = this.#pending.length > 0 || this.#remaining > 0 || this.#chunked !== undefined
    return { requests: this.#requests, unfinished, fault: this.#fault }
  }

  #advance(): void {
    while (this.#pending.length > 0) {
      const before = this.#pending.length
      if (this.#chunked !== undefined) this.#readChunks(this.#chunked)
      else if (this.#remaining > 0) this.#readBytes()
      else if (!this.#readHead()) return
      ok(this.#pending.length < before || this.#chunked !== undefined, 'no progress')
    }
  }

  #readHead(): boolean {
    const head = this.#head
    if (!head.parse(this.#pending, 0, this.#limits)) return false
    const framing = framingOfRequest(head)
    const text = (from: number, to: number) => head.bytes.toString('latin1', from, to)
    this.#requests.push({
      method: head.method,
      target: text(head.targetStart, head.targetEnd),
      path: text(head.pathStart, head.pathEnd),
      authority: text(head.authorityStart, head.authorityEnd),
      plainPath: head.plainPath,
      minorVersion: head.minorVersion,
      fields: Array.from({ length: head.count }, (_, field) => [
        text(head.nameStart(field), head.nameEnd(field)),
        head.value(field),
      ]),
      framing,
      head: text(head.start, head.end),
      body: '',
      framed: '',
    })
    this.#options = connectionOptions(head).text
    this.#pending = this.#pending.subarray(head.end)
    if (framing === CHUNKED) this.#chunked = [new ChunkedBody(false, this.#limits), new ChunkedBody(true, this.#limits)]
    else this.#remaining = framing
    return true
  }

  #readBytes(): void {
    const take = Math.min(this.#remaining, this.#pending.length)
    this.#requests.at(-1)!.body += this.#pending.toString('latin1', 0, take)
    this.#remaining -= take
    this.#pending = this.#pending.subarray(take)
  }

  #readChunks([bare, framed]: readonly ChunkedBody[]): void {
    const request = this.#requests.at(-1)!
    const bytes = this.#pending
    const outcomes = [bare!, framed!].map((body, index) => {
      const part = index === 0 ? 'body' : 'framed'
      try {
        return body.read(bytes, 0, {
          bodyBytes(bytes, from, to) {
            ok(from < to && to <= bytes.length, 'a range that is none')
            request[part] += bytes.toString('latin1', from, to)
          },
        })
      } catch (error) {
        return error
      }
    })
    deepEqual(outcomes[0], outcomes[1], 'with and without its framing a body was read differently')
    equal(bare!.done, framed!.done)
    const [end] = outcomes
    if (typeof end !== 'number') throw end
    this.#pending = bytes.subarray(end)
    if (!bare!.done) return equal(end, bytes.length, 'bytes of a body that goes on were left')
    this.#chunked = undefined
    const section = new Scratch()
    writeTrailerSection(section, passedTrailers(framed!.trailers, this.#options))
    request.framed += section.bytes.toString('latin1', 0, section.length)
    // The forwarded body must be read as the same body, to its last byte.
    deepEqual(decodeChunks(request.framed), { data: request.body, end: request.framed.length })
  }
}

/** Reads a connection's bytes in one piece, or split at the given offsets. */
export function readRequests(bytes: Buffer, limits: HeadLimits, cuts: readonly number[] = []): Reading {
  const stream = new RequestStream(limits)
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    // A separate copy, so that nothing can be read beyond it.
    if (cut > from) stream.feed(Buffer.from(bytes.subarray(from, cut)))
    from = Math.max(from, cut)
  }
  return stream.reading
}
