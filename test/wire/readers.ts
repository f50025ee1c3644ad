import { deepEqual } from 'node:assert/strict'
import { createServer, type IncomingMessage, METHODS, type Server, type ServerOptions } from 'node:http'
import { Duplex } from 'node:stream'
import { ChunkedBody } from '../../src/http1/chunked-body.ts'
import { connectionOptions, persists } from '../../src/http1/connection-options.ts'
import { CHUNKED, framingOfRequest } from '../../src/http1/framing.ts'
import type { HeadLimits } from '../../src/http1/head.ts'
import { MessageError } from '../../src/http1/message-error.ts'
import { RequestHead } from '../../src/http1/request-head.ts'

/** How a server would read the bytes of a connection. */
export interface Reading {
  /** The complete requests, in order. */
  readonly requests: readonly { readonly method: string; readonly target: string; readonly body: string }[]
  /**
   * What follows them: nothing, the start of another request, something invalid, or bytes that are not read because the
   * connection closes.
   */
  readonly rest: 'nothing' | 'unfinished' | 'refused' | 'unread'
}

type Requests = { method: string; target: string; body: string }[]

/** Limpet's default limits. */
export const LIMITS: HeadLimits = { headSize: 32_000, headers: 100 }

/** Limpet's own parser: the strictest reader here. */
export function readStrictly(bytes: Buffer, limits: HeadLimits = LIMITS): Reading {
  const requests: Requests = []
  const head = new RequestHead()
  let at = 0
  try {
    while (at < bytes.length) {
      if (!head.parse(bytes, at, limits)) return { requests, rest: 'unfinished' }
      const target = bytes.toString('latin1', head.targetStart, head.targetEnd)
      const framing = framingOfRequest(head)
      let body = ''
      at = head.end
      if (framing === CHUNKED) {
        const chunked = new ChunkedBody(false, limits)
        at = chunked.read(bytes, at, {
          bodyBytes(bytes, from, to) {
            body += bytes.toString('latin1', from, to)
          },
        })
        if (!chunked.done) return { requests, rest: 'unfinished' }
      } else {
        if (bytes.length - at < framing) return { requests, rest: 'unfinished' }
        body = bytes.toString('latin1', at, at + framing)
        at += framing
      }
      requests.push({ method: head.method, target, body })
      if (!persists(head, connectionOptions(head))) return { requests, rest: at < bytes.length ? 'unread' : 'nothing' }
    }
  } catch (error) {
    if (!(error instanceof MessageError)) throw error
    return { requests, rest: 'refused' }
  }
  return { requests, rest: 'nothing' }
}

/** One request, as the laxest reader reads it. */
export interface LaxRequest {
  readonly method: string
  readonly target: string
  readonly head: string
  /** Undefined while it is incomplete. */
  readonly body: string | undefined
  /** The offset after the request. */
  readonly end: number
}

/**
 * Reads one request like the most tolerant server: accepts bare line feeds, folded lines, white space around names,
 * Transfer-Encoding together with Content-Length, any coding that contains `chunked`, and garbage in chunk sizes.
 *
 * @returns undefined while its head is incomplete
 */
export function readOneLaxly(text: string, from: number): LaxRequest | undefined {
  const start = from + /^[\r\n]*/.exec(text.slice(from))![0].length
  const gap = /\r?\n\r?\n/.exec(text.slice(start))
  if (gap === null) return undefined
  const head = text.slice(start, start + gap.index)
  const [first = '', ...lines] = head.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)
  const [method = '', target = ''] = first.split(/\s+/)
  const fieldValue = (name: string) => {
    const fields = lines.map((line) => /^[\s\0]*([^:]*?)[\s\0]*(?::[\s\0]*(.*?)[\s\0]*)?$/s.exec(line)!)
    return fields.find(([, field]) => field!.toLowerCase() === name)?.[2] ?? ''
  }
  const bodyStart = start + gap.index + gap[0].length
  if (/chunked/i.test(fieldValue('transfer-encoding'))) return { method, target, head, ...laxChunks(text, bodyStart) }
  const end = bodyStart + (Number.parseInt(fieldValue('content-length'), 10) || 0)
  return { method, target, head, body: end > text.length ? undefined : text.slice(bodyStart, end), end }
}

function laxChunks(text: string, from: number): { body: string | undefined; end: number } {
  let body = ''
  for (let at = from; ; ) {
    const line = /^\s*([0-9a-f]+)[^\n]*\n/i.exec(text.slice(at))
    if (line === null) return { body: undefined, end: text.length }
    const size = Number.parseInt(line[1]!, 16)
    at += line[0].length
    if (size === 0) {
      const trailers = /^(?:[^\r\n][^\n]*\n)*\r?\n/.exec(text.slice(at))
      return trailers === null ? { body: undefined, end: text.length } : { body, end: at + trailers[0].length }
    }
    if (text.length - at < size) return { body: undefined, end: text.length }
    body += text.slice(at, at + size)
    at += size
    at += /^\r?\n?/.exec(text.slice(at))![0].length
  }
}

export function readLaxly(bytes: Buffer): Reading {
  const text = bytes.toString('latin1')
  const requests: Requests = []
  for (let at = 0; at < text.length; ) {
    const request = readOneLaxly(text, at)
    if (request?.body === undefined) return { requests, rest: 'unfinished' }
    const { method, target, body, end } = request
    requests.push({ method, target, body })
    at = end
  }
  return { requests, rest: 'nothing' }
}

/** A connection without a network: its reader gets `bytes`, then the end. */
class Wire extends Duplex {
  rest: Reading['rest'] = 'nothing'
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    super({ allowHalfOpen: true })
    this.#bytes = bytes
  }

  override _read(): void {
    this.push(this.#bytes)
    this.push(null)
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    // Responses of the server itself: it refuses a missing Host or an unknown expectation.
    if (/^HTTP\/1\.1 4/.test(chunk.toString('latin1'))) this.rest = 'refused'
    done()
  }

  // The methods of net.Socket that http.Server uses.
  setTimeout(): this {
    return this
  }
}

/** llhttp, in a real Node server with its strict defaults. */
export class NodeReader {
  readonly #server: Server
  /** The requests of each connection, complete or not. */
  readonly #requests = new WeakMap<object, { request: IncomingMessage; body: string }[]>()

  constructor(options: ServerOptions = {}) {
    this.#server = createServer({ ...options, shouldUpgradeCallback: () => false }, (request, response) => {
      this.#note(request)
      request.on('end', () => response.end())
    })
    // The bytes end at once, but the requests in them must still be answered.
    Object.assign(this.#server, { httpAllowHalfOpen: true })
    this.#server.on('connect', (request, socket) => {
      this.#note(request)
      socket.destroy()
    })
    // The server would send this itself, but would then continue to read.
    this.#server.on('checkExpectation', ({ socket }) => {
      ;(socket as unknown as Wire).rest = 'refused'
      socket.destroy()
    })
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const wire = socket as unknown as Wire
      if (error.code === 'HPE_INVALID_EOF_STATE') wire.rest = 'unfinished'
      else if (error.code === 'HPE_CLOSED_CONNECTION') wire.rest = 'unread'
      else wire.rest = 'refused'
      // The bodies of earlier, complete requests are still to be read.
      setImmediate(() => socket.destroy())
    })
  }

  /** Whether the method is in Node's list. */
  static knows(method: string): boolean {
    return METHODS.includes(method)
  }

  #note(request: IncomingMessage): void {
    if ((request.socket as unknown as Wire).rest === 'refused') return
    const seen = { request, body: '' }
    this.#requests.get(request.socket)!.push(seen)
    request.on('data', (bytes: Buffer) => {
      seen.body += bytes.toString('latin1')
    })
  }

  async read(bytes: Buffer): Promise<Reading> {
    const wire = new Wire(bytes)
    const seen: { request: IncomingMessage; body: string }[] = []
    this.#requests.set(wire, seen)
    this.#server.emit('connection', wire)
    await new Promise<void>((resolve) => {
      wire.on('close', resolve)
    })
    const requests = seen
      .filter(({ request }) => request.complete)
      .map(({ request, body }) => ({ method: request.method!, target: request.url!, body }))
    return { requests, rest: wire.rest }
  }
}

/** Limits for forwarded requests, which are a little longer than the originals. */
const ROOMY: HeadLimits = { headSize: 64_000, headers: 200 }
const nodeReader = new NodeReader({ maxHeaderSize: ROOMY.headSize })

/** Reads forwarded bytes. @throws AssertionError unless every reader finds the same requests in them */
export async function readByAll(forwarded: Buffer): Promise<Reading> {
  const strict = readStrictly(forwarded, ROOMY)
  deepEqual(readLaxly(forwarded), strict)
  // Node has a list of known methods.
  const known = strict.requests.every(({ method }) => NodeReader.knows(method))
  if (known) deepEqual(await nodeReader.read(forwarded), strict)
  return strict
}
