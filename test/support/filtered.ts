/** One route with filters, before a server that says what it got; and clients of both protocols. */
import { once } from 'node:events'
import { type IncomingHttpHeaders, request as request1 } from 'node:http'
import { type ClientHttp2Session, type ClientSessionOptions, connect } from 'node:http2'
import { describe, type TestContext, test } from 'node:test'
import { startDataPlane } from './data-plane.ts'
import { httpOrigin } from './origin.ts'

/** What a server got. */
export interface Got {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** As UTF-8. */
  readonly body: string
  readonly bytes: Buffer
}

export interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Buffer
  readonly host?: string
}

/** A client of one protocol. */
export interface FilterClient {
  ask(path: string, ask?: Ask): Promise<Answer>
  /** The same, of a request that the server of the route answers: what it got. */
  got(path: string, ask?: Ask): Promise<Got>
}

/** Answers with what it got, and with the headers that the request names in X-Answer, as JSON. */
export function mirrorOrigin(t: TestContext) {
  return httpOrigin(t, async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { method, url, headers } = request
    const answer = JSON.parse((headers['x-answer'] as string) ?? '{}')
    for (const [name, value] of Object.entries(answer)) if (name !== 'status') response.setHeader(name, value as string)
    response.statusCode = answer.status ?? 200
    response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }))
  })
}

/**
 * Declares a test for each protocol of clients.
 *
 * @param routes as in the configuration file, without their upstream: `mirror`, a server that says what it got
 * @param upstreams further upstreams of the file, or what makes them
 * @param more further parts of the file
 */
export function testBoth(
  name: string,
  routes: readonly object[],
  check: (client: FilterClient, t: TestContext) => Promise<void>,
  upstreams: object | ((t: TestContext) => Promise<object>) = {},
  more: object = {},
): void {
  describe(name, () => {
    for (const [protocol, connectTo] of [
      ['HTTP/1.1', http1Client],
      ['HTTP/2', http2Client],
    ] as const) {
      test(`over ${protocol}`, async (t) => {
        const origin = await mirrorOrigin(t)
        const { port } = await startDataPlane(t, {
          listeners: [{ h2c: true }],
          routes: routes.map((route) => ({ upstream: 'mirror', ...route })),
          upstreams: {
            mirror: { servers: [{ name: 'one', address: origin.address }] },
            ...(typeof upstreams === 'function' ? await upstreams(t) : upstreams),
          },
          ...more,
        })
        await check(connectTo(t, port), t)
      })
    }
  })
}

export function http1Client(_t: TestContext, port: number): FilterClient {
  return withGot(async (path, { method = 'GET', headers = {}, body, host = 'localhost' } = {}) => {
    const sent = request1({ host: '127.0.0.1', port, path, method, headers: { host, ...headers }, agent: false })
    sent.end(body)
    const [response] = await once(sent, 'response')
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk)
    return { status: response.statusCode, headers: response.headers, ...contentOf(chunks) }
  })
}

export function http2Client(t: TestContext, port: number): FilterClient {
  let session: ClientHttp2Session | undefined
  t.after(() => session?.destroy())
  return withGot(async (path, { method = 'GET', headers = {}, body, host = 'localhost' } = {}) => {
    // Hostile clients repeat fields.
    session ??= connect(`http://127.0.0.1:${port}`, { strictSingleValueFields: false } as ClientSessionOptions)
    const stream = session.request({ ':method': method, ':path': path, ':authority': host, ...headers })
    stream.end(body)
    const [{ ':status': status, ...fields }] = await once(stream, 'response')
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk)
    return { status, headers: fields, ...contentOf(chunks) }
  })
}

function contentOf(chunks: readonly Buffer[]): Pick<Answer, 'body' | 'bytes'> {
  const bytes = Buffer.concat(chunks)
  return { bytes, body: bytes.toString() }
}

function withGot(ask: FilterClient['ask']): FilterClient {
  return { ask, got: async (path, more) => JSON.parse((await ask(path, more)).body) }
}
