import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { TestContext } from 'node:test'

/** A response on a stream of HTTP/2. */
export interface Http2Response {
  readonly status: number
  readonly fields: Readonly<Record<string, string>>
  readonly body: string
  readonly trailers: Readonly<Record<string, string>>
}

/** Node's client of HTTP/2: one connection, and another one once that says that it ends. */
export class Http2User {
  readonly #url: string
  #session: ClientHttp2Session
  /** How many connections it has had. */
  connections = 1
  /** The error codes of GOAWAY that it got. */
  readonly goAways: number[] = []

  private constructor(test: TestContext, url: string) {
    this.#url = url
    this.#session = this.#connect()
    test.after(() => this.#session.destroy())
  }

  static of(test: TestContext, url: string): Http2User {
    return new Http2User(test, url)
  }

  #connect(): ClientHttp2Session {
    const session = connect(this.#url)
    session.on('error', () => {})
    session.on('goaway', (code) => this.goAways.push(code))
    session.setMaxListeners(0)
    return session
  }

  get session(): ClientHttp2Session {
    if (this.#session.closed || this.#session.destroyed) {
      this.#session = this.#connect()
      this.connections++
    }
    return this.#session
  }

  /** Begins a request, whose body is still to be sent unless it has none. */
  begin(fields: OutgoingHttpHeaders, hasBody = false): ClientHttp2Stream {
    const stream = this.session.request({ ':path': '/', ...fields }, { endStream: !hasBody })
    stream.on('error', () => {})
    return stream
  }

  /**
   * Asks again where the request was not processed, as browsers do: Node's client refuses to send it where it has got a GOAWAY
   * before, and does not tell until then.
   *
   * @throws Error if the response does not come, or is not whole
   */
  async ask(fields: OutgoingHttpHeaders = {}, body?: string): Promise<Http2Response> {
    const stream = this.begin(fields, body !== undefined)
    if (body !== undefined) stream.end(body)
    try {
      return await responseOn(stream)
    } catch (error) {
      if (stream.rstCode !== constants.NGHTTP2_REFUSED_STREAM) throw error
      return this.ask(fields, body)
    }
  }
}

/** @throws Error if the response does not come, or is not whole */
export async function responseOn(stream: ClientHttp2Stream): Promise<Http2Response> {
  let head: Record<string, unknown> = {}
  let trailers = {}
  let body = ''
  stream.setEncoding('latin1')
  stream.on('response', (fields) => {
    head = Object.fromEntries(Object.entries(fields))
  })
  stream.on('trailers', (fields) => {
    trailers = Object.fromEntries(Object.entries(fields))
  })
  stream.on('data', (text: string) => {
    body += text
  })
  await once(stream, 'close')
  const { ':status': status, ...fields } = head
  if (stream.rstCode !== 0 || status === undefined) throw new Error(`the stream was reset with code ${stream.rstCode}`)
  return { status: status as number, fields: fields as Record<string, string>, body, trailers }
}
