/** WebSockets and calls of gRPC through the filters that may refuse them. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { WebSocket, WebSocketServer } from 'ws'
import { startDataPlane } from '../support/data-plane.ts'
import { folderOfTests } from '../support/folder.ts'
import { GrpcClient, GrpcService } from '../support/grpc-service.ts'
import { httpOrigin } from '../support/origin.ts'

const folder = folderOfTests()
const SECRET = 'a secret of more than thirty-two bytes'
const secretFile = join(folder, 'secret')
writeFileSync(secretFile, SECRET)
const users = join(folder, 'users')
writeFileSync(users, 'zoe:$apr1$Z4/0FhB8$g.iurwy285MG7Yr16Ua9R.\n')

const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const signed = `${encoded({ alg: 'HS256' })}.${encoded({ sub: 'zoe', exp: 4_000_000_000 })}`
const token = `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`
const password = Buffer.from('zoe:open sésame').toString('base64')

interface Guard {
  readonly settings: (service: string) => object
  /** What gets through. */
  readonly right: string
  /** What a refused call is told. */
  readonly code: number
  readonly status: number
}

const guards: Readonly<Record<string, Guard>> = {
  basicAuth: {
    settings: () => ({ file: users }),
    right: `Basic ${password}`,
    code: status.UNAUTHENTICATED,
    status: 401,
  },
  jwt: { settings: () => ({ secretFile }), right: `Bearer ${token}`, code: status.UNAUTHENTICATED, status: 401 },
  // The status of the service is that of the answer; clients of gRPC make their own of it.
  forwardAuth: {
    settings: (service) => ({ url: `http://${service}/` }),
    right: 'let me in',
    code: status.PERMISSION_DENIED,
    status: 403,
  },
  rateLimit: {
    settings: () => ({ rate: '1/d', by: 'header:authorization', missing: 'pass' }),
    right: 'once',
    code: status.RESOURCE_EXHAUSTED,
    status: 429,
  },
}

async function behind(t: TestContext, name: string, guard: Guard, upstream: object) {
  const service = await httpOrigin(t, ({ headers }, response) => {
    response.setHeader('Set-Cookie', 'seen=1')
    response.writeHead(headers.authorization === guard.right ? 200 : 403).end()
  })
  const { port } = await startDataPlane(t, {
    listeners: [{ h2c: true }],
    routes: [
      {
        path: '/*',
        upstream: 'app',
        filters: [
          { headers: { response: { set: { 'X-Guard': name }, remove: ['X-Inner'] } } },
          { [name]: guard.settings(service.address) },
        ],
      },
    ],
    upstreams: { app: upstream },
  })
  return port
}

/** With what a request is refused: with what is wrong, or once more. */
const wrong = (name: string, right: string) => (name === 'rateLimit' ? right : 'Basic wrong')

for (const [name, guard] of Object.entries(guards)) {
  describe(name, () => {
    test('a call of gRPC gets through, or gets a status of gRPC', async (t) => {
      const service = await GrpcService.start(t)
      const port = await behind(t, name, guard, { protocol: 'h2c', servers: [service.address] })
      const client = new GrpcClient(t, `127.0.0.1:${port}`)
      const call = (authorization: string) => client.unary(Buffer.from('x'), { metadata: { authorization } }).over()
      assert.equal((await call(guard.right)).code, status.OK)
      assert.equal((await call(wrong(name, guard.right))).code, guard.code)
    })

    test('a WebSocket opens, or is refused, over HTTP/1.1', async (t) => {
      const origin = await httpOrigin(t, (_request, response) => response.end())
      const sockets = new WebSocketServer({ server: origin.server as never })
      sockets.on('headers', (headers) => headers.push('X-Inner: secret'))
      t.after(() => sockets.close())
      const port = await behind(t, name, guard, { servers: [origin.address] })
      const open = (authorization: string) => {
        const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { authorization } })
        t.after(() => socket.terminate())
        socket.on('error', () => {})
        return socket
      }
      const [response] = await once(open(guard.right), 'upgrade')
      assert.equal(response.statusCode, 101)
      // Filters see the response that switches protocols, too.
      assert.deepEqual([response.headers['x-guard'], response.headers['x-inner']], [name, undefined])
      assert.deepEqual(response.headers['set-cookie'], name === 'forwardAuth' ? ['seen=1'] : undefined)
      const [, refused] = await once(open(wrong(name, guard.right)), 'unexpected-response')
      assert.equal(refused.statusCode, guard.status)
      refused.destroy()
    })

    test('a WebSocket opens, or is refused, over HTTP/2', async (t) => {
      const origin = await httpOrigin(t, (_request, response) => response.end())
      const sockets = new WebSocketServer({ server: origin.server as never })
      t.after(() => sockets.close())
      const session = connect(`http://127.0.0.1:${await behind(t, name, guard, { servers: [origin.address] })}`)
      t.after(() => session.destroy())
      await once(session, 'remoteSettings')
      const open = async (authorization: string) => {
        const stream = session.request({
          ':method': 'CONNECT',
          ':protocol': 'websocket',
          ':path': '/',
          ':authority': 'a',
          'sec-websocket-version': '13',
          authorization,
        })
        const [head] = await once(stream, 'response')
        stream.destroy()
        return head
      }
      const head = await open(guard.right)
      assert.deepEqual([head[':status'], head['x-guard']], [200, name])
      assert.equal((await open(wrong(name, guard.right)))[':status'], guard.status)
    })
  })
}

test('a WebSocket over HTTP/2 does not take an answer of Limpet itself for its server', async (t) => {
  const { port } = await startDataPlane(t, {
    listeners: [{ h2c: true }],
    routes: [{ path: '/*', filters: [{ respond: { body: 'hello' } }] }],
    upstreams: { app: { servers: ['127.0.0.1:9'] } },
  })
  const session = connect(`http://127.0.0.1:${port}`)
  t.after(() => session.destroy())
  await once(session, 'remoteSettings')
  const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/', ':authority': 'a' })
  const [head] = await once(stream, 'response')
  assert.equal(head[':status'], 502)
  stream.destroy()
})

test('who opens a WebSocket first has a part in a split from then on', async (t) => {
  const origin = await httpOrigin(t, (_request, response) => response.end())
  const sockets = new WebSocketServer({ server: origin.server as never })
  t.after(() => sockets.close())
  const servers = [origin.address]
  const { port } = await startDataPlane(t, {
    routes: [{ path: '/*', upstream: 'app', filters: [{ split: { to: { other: '50%' } } }] }],
    upstreams: { app: { servers }, other: { servers } },
  })
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
  t.after(() => socket.terminate())
  const [response] = await once(socket, 'upgrade')
  assert.match(String(response.headers['set-cookie']), /^limpet-[0-9a-f]{6}=\d{4}; /)
})
