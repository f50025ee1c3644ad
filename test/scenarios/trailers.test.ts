/** Trailers pass between clients and servers of either protocol, by the same rules. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect, createServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { type Limpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'

type Fields = Readonly<Record<string, string | string[] | undefined>>

/** What a server has received of a request, as it says in its answer; and the trailers of that. */
interface Exchanged {
  readonly server: { readonly body: string; readonly trailers: Fields; readonly te?: string; readonly trailer?: string }
  readonly trailer: string | string[] | undefined
  readonly trailers: Fields
}

/** Those of a server, of which only the first may pass. */
const OF_SERVER = {
  'x-sum': 'server',
  'content-type': 'text/html',
  'x-forwarded-for': '192.0.2.1',
  'set-cookie': 'a=1',
  'x-secret': 'inner',
}
const OF_CLIENT = {
  'x-sum': 'client',
  authorization: 'Basic x',
  'x-client-cert-subject': 'CN=a',
  cookie: 'a=1',
  'x-user': 'root',
  x_user: 'root',
}

/** What filters set or remove does not come as a trailer either. */
const filters = [{ headers: { request: { set: { 'X-User': 'alice' } }, response: { remove: ['X-Secret'] } } }]

const servers = {
  async 'HTTP/1.1'(t: TestContext): Promise<string> {
    const { address } = await httpOrigin(t, async (request, response) => {
      let body = ''
      for await (const piece of request) body += piece
      const { te, trailer } = request.headers
      response.setHeader('Trailer', 'X-Sum')
      response.addTrailers(OF_SERVER)
      response.write(JSON.stringify({ body, trailers: request.trailers, te, trailer }))
      response.end()
    })
    return address
  },

  async 'HTTP/2'(t: TestContext): Promise<string> {
    const server = createServer()
    server.on('stream', async (stream: ServerHttp2Stream, { te, trailer }) => {
      let trailers: object = {}
      stream.on('trailers', (fields) => {
        trailers = Object.fromEntries(Object.entries(fields))
      })
      let body = ''
      for await (const piece of stream) body += piece
      stream.respond({ ':status': 200, trailer: 'X-Sum' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers(OF_SERVER))
      stream.end(JSON.stringify({ body, trailers, te, trailer }))
    })
    const sessions = new Set<{ destroy(): void }>()
    server.on('session', (session) => sessions.add(session))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => {
      for (const session of sessions) session.destroy()
      server.close()
    })
    return `127.0.0.1:${(server.address() as AddressInfo).port}`
  },
}

const clients = {
  async 'HTTP/1.1'({ port }: Limpet, takesTrailers: boolean): Promise<Exchanged> {
    const sent = request({
      host: '127.0.0.1',
      port,
      method: 'POST',
      headers: {
        'Transfer-Encoding': 'chunked',
        Trailer: 'X-Sum',
        ...(takesTrailers && { TE: 'trailers', Connection: 'TE' }),
      },
    })
    sent.write('body')
    sent.addTrailers(OF_CLIENT)
    sent.end()
    const [response] = await once(sent, 'response')
    let text = ''
    for await (const piece of response) text += piece
    return { server: JSON.parse(text), trailer: response.headers.trailer, trailers: { ...response.trailers } }
  },

  async 'HTTP/2'({ url }: Limpet, takesTrailers: boolean): Promise<Exchanged> {
    const session = connect(url)
    const stream = session.request(
      { ':method': 'POST', ':path': '/', trailer: 'X-Sum', ...(takesTrailers && { te: 'trailers' }) },
      { waitForTrailers: true },
    )
    stream.on('wantTrailers', () => stream.sendTrailers(OF_CLIENT))
    stream.end('body')
    let trailers: Fields = {}
    stream.on('trailers', (fields) => {
      trailers = Object.fromEntries(Object.entries(fields))
    })
    const [{ trailer }] = await once(stream, 'response')
    let text = ''
    for await (const piece of stream) text += piece
    session.close()
    return { server: JSON.parse(text), trailer, trailers }
  },
}

for (const [server, serve] of Object.entries(servers)) {
  for (const [client, ask] of Object.entries(clients)) {
    describe(`trailers from a client of ${client} to a server of ${server}`, () => {
      for (const takesTrailers of [true, false]) {
        test(`and back, ${takesTrailers ? 'where it takes' : 'but not where it does not take'} them`, async (t) => {
          const limpet = await startLimpet(t, {
            listeners: [{ address: '127.0.0.1', port: 0, h2c: true }],
            workers: 1,
            routes: [{ path: '/*', upstream: 'app', filters }],
            upstreams: { app: { protocol: server === 'HTTP/2' ? 'h2c' : 'http1', servers: [await serve(t)] } },
            accessLog: 'off',
          })
          assert.deepEqual(await ask(limpet, takesTrailers), {
            server: {
              body: 'body',
              trailers: { 'x-sum': 'client' },
              ...(takesTrailers && { te: 'trailers' }),
              trailer: 'X-Sum',
            },
            trailer: takesTrailers ? 'X-Sum' : undefined,
            trailers: takesTrailers ? { 'x-sum': 'server' } : {},
          })
        })
      }
    })
  }
}
