import { createServer } from 'node:http'
import { Duplex } from 'node:stream'
import { ChunkedBody } from '../../src/http1/chunked-body.ts'
import { CHUNKED, framingOfRequest } from '../../src/http1/framing.ts'
import type { HeadLimits } from '../../src/http1/head.ts'
import { MessageError } from '../../src/http1/message-error.ts'
import { RequestHead } from '../../src/http1/request-head.ts'

/** What a server would make of the bytes of a connection. */
export interface Reading {
  /** Whole requests, in order. */
  readonly requests: readonly { readonly method: string; readonly target: string; readonly body: string }[]
  /** How it goes on after them: nothing, the beginning of another request, or something that is none. */
  readonly rest: 'nothing' | 'unfinished' | 'refused'
}

type Requests = { method: string; target: string; body: string }[]

/** The limits that Limpet has by default. */
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
    }
  } catch (error) {
    if (!(error instanceof MessageError)) throw error
    return { requests, rest: 'refused' }
  }
  return { requests, rest: 'nothing' }
}

/**
 * A server that forgives everything it can: line feeds alone, folded lines, white space round names, Transfer-Encoding
 * beside Content-Length, any coding with the word `chunked` in it, junk in chunk sizes.
 */
export function readLaxly(bytes: Buffer): Reading {
  const text = bytes.toString('latin1')
  const requests: Requests = []
  let at = 0
  while (at < text.length) {
    at += /^[\r\n]*/.exec(text.slice(at))![0].length
    const end = /\r?\n\r?\n/.exec(text.slice(at))
    if (end === null) return { requests, rest: at < text.length ? 'unfinished' : 'nothing' }
    const [first = '', ...lines] = text.slice(at, at + end.index).replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)
    const fields = lines.map((line) => /^[\s\0]*([^:]*?)[\s\0]*(?::[\s\0]*(.*?)[\s\0]*)?$/s.exec(line)!.slice(1))
    const valueOf = (name: string) => fields.find(([field]) => field?.toLowerCase().replaceAll('_', '-') === name)?.[1]
    at += end.index + end[0].length
    let body = ''
    if (/chunked/i.test(valueOf('transfer-encoding') ?? '')) {
      for (;;) {
        const line = /^\s*([0-9a-f]+)[^\n]*\n/i.exec(text.slice(at))
        if (line === null) return { requests, rest: 'unfinished' }
        const size = Number.parseInt(line[1]!, 16)
        at += line[0].length
        if (size === 0) break
        if (text.length - at < size) return { requests, rest: 'unfinished' }
        body += text.slice(at, at + size)
        at += size
        at += /^\r?\n?/.exec(text.slice(at))![0].length
      }
      const trailers = /^(?:[^\r\n][^\n]*\n)*\r?\n/.exec(text.slice(at))
      if (trailers === null) return { requests, rest: 'unfinished' }
      at += trailers[0].length
    } else {
      const length = Number.parseInt(valueOf('content-length') ?? '0', 10) || 0
      if (text.length - at < length) return { requests, rest: 'unfinished' }
      body = text.slice(at, at + length)
      at += length
    }
    const [method = '', target = ''] = first.split(/\s+/)
    requests.push({ method, target, body })
  }
  return { requests, rest: 'nothing' }
}

/** A connection without a network: whoever reads it is given `bytes`, then the end. */
class Wire extends Duplex {
  heard = ''
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
    this.heard += chunk.toString('latin1')
    done()
  }

  // What http.Server asks of a net.Socket.
  setTimeout(): this {
    return this
  }
}

/** llhttp, in a real server of Node's with its strict defaults. */
export class NodeReader {
  /** What the server answers to something that is not a request. */
  readonly #server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    let body = ''
    request.setEncoding('latin1')
    request.on('data', (text: string) => {
      body += text
    })
    request.on('end', () => {
      const { method = '', url = '' } = request
      this.#readings.get(request.socket)?.push({ method, target: url, body })
      response.end()
    })
  })
  readonly #readings = new WeakMap<object, Requests>()

  constructor() {
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      // At the end of the bytes the parser says so in these two ways.
      const unfinished = error.code === 'HPE_INVALID_EOF_STATE' || error.code === 'ECONNRESET'
      ;(socket as unknown as Wire).heard += unfinished ? '' : 'HTTP/1.1 400 Bad Request\r\n'
      socket.destroy()
    })
  }

  async read(bytes: Buffer): Promise<Reading> {
    const wire = new Wire(bytes)
    const requests: Requests = []
    this.#readings.set(wire, requests)
    this.#server.emit('connection', wire)
    await new Promise<void>((resolve) => {
      wire.on('close', resolve)
    })
    const refused = /^HTTP\/1\.1 (?!200)[45]\d\d /m.test(wire.heard)
    return { requests, rest: refused ? 'refused' : 'nothing' }
  }
}
