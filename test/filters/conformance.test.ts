// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
/** What holds for every filter that lets a request pass: nothing of bodies is lost, nothing is left for the next request, and exchanges end. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { filterNames } from '../../src/config/filter.ts'
import { startDataPlane } from '../support/data-plane.ts'
import { Dice } from '../support/dice.ts'
import { type FilterClient, http1Client, http2Client } from '../support/filtered.ts'
import { folderOfTests } from '../support/folder.ts'
import { httpOrigin, type Origin } from '../support/origin.ts'
import { seed } from '../support/seed.ts'

const folder = folderOfTests()
const fileOf = (name: string, text: string) => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const SECRET = 'a secret of more than thirty-two bytes'
const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const signed = `${encoded({ alg: 'HS256' })}.${encoded({ sub: 'zoe', exp: 4_000_000_000 })}`
const token = `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`

interface Sample {
  readonly settings: (service: Origin) => unknown
  /** With which it lets a request pass. */
  readonly headers?: Readonly<Record<string, string>>
}

const plain = (settings: unknown): Sample => ({ settings: () => settings })

/** Each filter, set so that it lets a request pass; undefined for those that answer all. */
const samples: Readonly<Record<string, Sample | undefined>> = {
  allow: plain(['127.0.0.0/8']),
  answers: plain({ location: { '/': '/app/' }, cookiePath: { '/': '/app/' } }),
  basicAuth: {
    settings: () => ({ file: fileOf('users', 'zoe:$apr1$Z4/0FhB8$g.iurwy285MG7Yr16Ua9R.\n') }),
    headers: { Authorization: `Basic ${Buffer.from('zoe:open sésame').toString('base64')}` },
  },
  bufferRequest: plain({ memory: '64kB', disk: '10MB' }),
  bufferResponse: plain({ memory: '64kB', disk: '10MB' }),
  compress: plain({ from: '0B' }),
  concurrencyLimit: plain({ limit: 1000, by: 'client.address' }),
  cors: plain({ origins: ['https://a.example'] }),
  deny: plain(['192.0.2.0/24']),
  errorPages: plain({ pages: [{ status: 500, body: 'sorry' }] }),
  forwardAuth: { settings: (service) => ({ url: `http://${service.address}/auth`, copy: ['X-Name'] }) },
  headers: plain({ request: { set: { 'X-A': '${client.address}' } }, response: { set: { 'X-B': '${server.name}' } } }),
  host: plain('inner.example'),
  jwt: {
    settings: () => ({ secretFile: fileOf('secret', SECRET), headers: { 'X-Sub': 'sub' } }),
    headers: { Authorization: `Bearer ${token}` },
  },
  log: plain('off'),
  maintenancePage: plain({ except: ['127.0.0.0/8'] }),
  mirror: plain({ to: 'other' }),
  path: plain({ add: '/v1' }),
  rateLimit: plain({ rate: '100000/s', burst: 100_000, by: 'client.address' }),
  redirect: undefined,
  respond: undefined,
  securityHeaders: plain({}),
  split: plain({ to: { other: '0%' } }),
  tryNext: plain({}),
}

test('each filter has a sample here', () => {
  assert.deepEqual(Object.keys(samples).toSorted(), filterNames.toSorted())
})

/** A server that answers with what it gets, piece by piece, and with how it was asked. */
function echo(t: TestContext): Promise<Origin> {
  return httpOrigin(t, (received, response) => {
    const { method, url, headers } = received
    if (url === '/auth') {
      response.setHeader('X-Name', 'zoe')
      response.end()
      return
    }
    if (url!.endsWith('/dies')) {
      response.writeHead(200, { 'Content-Length': 1000 }).write('x')
      setImmediate(() => received.socket.destroy())
      return
    }
    if (url!.endsWith('/never')) return
    if (url!.endsWith('/empty')) {
      response.writeHead(204).end()
      return
    }
    response.setHeader('X-Asked', `${method} ${url} ${headers['x-own'] ?? '-'}`)
    const length = headers['content-length']
    if (url!.endsWith('/length') && length !== undefined) response.setHeader('Content-Length', length)
    if (method === 'HEAD') response.end()
    else received.pipe(response)
  })
}

async function behind(t: TestContext, name: string, sample: Sample) {
  const [origin, service] = [await echo(t), await echo(t)]
  const servers = [{ name: 'one', address: origin.address }]
  const filters = [{ [name]: sample.settings(service) }]
  const plane = await startDataPlane(t, {
    listeners: [{ h2c: true }],
    defaults: { filters: [{ headers: { request: { set: { 'X-Own': 'default' } } } }] },
    routes: [{ path: '/*', upstream: 'app', filters }],
    upstreams: { app: { servers }, other: { servers: [{ name: 'two', address: service.address }] } },
  })
  return { ...plane, origin }
}

describe('through each filter', () => {
  for (const [name, sample] of Object.entries(samples)) {
    if (sample === undefined) continue
    const { headers = {} } = sample
    for (const [protocol, connectTo] of [
      ['HTTP/1.1', http1Client],
      ['HTTP/2', http2Client],
    ] as const) {
      test(`${name}: bodies pass unchanged, and nothing is left for the next request, over ${protocol}`, async (t) => {
        const { port } = await behind(t, name, sample)
        const client: FilterClient = connectTo(t, port)
        const dice = new Dice(seed)
        for (const size of [0, 1, dice.below(2000), 20_000 + dice.below(80_000), 400_000 + dice.below(400_000)]) {
          const body = Buffer.alloc(size, String(size))
          for (const path of ['/length', '/chunked']) {
            const { status, bytes, headers: fields } = await client.ask(path, { method: 'POST', body, headers })
            assert.equal(status, 200)
            assert.ok(bytes.equals(body), `${size} bytes for ${path}`)
            assert.match(String(fields['x-asked']), / default$/)
          }
        }
        assert.equal((await client.ask('/empty', { headers })).status, 204)
        const head = await client.ask('/x', { method: 'HEAD', headers })
        assert.deepEqual([head.status, head.body], [200, ''])
        const one = await client.ask('/a', { headers: { ...headers, 'X-Own': 'mine', 'X-Once': '1' } })
        const next = await client.ask('/b', { headers })
        assert.match(String(next.headers['x-asked']), /^GET (?:\/v1)?\/b default$/)
        assert.equal(one.status, 200)
      })
    }

    test(`${name}: servers and clients that go in the middle end their exchange`, async (t) => {
      const { port, idle } = await behind(t, name, sample)
      const sent = request({ host: '127.0.0.1', port, path: '/dies', headers, agent: false }).end()
      const failed = new Promise((resolve) => {
        sent.on('error', resolve)
        sent.on('response', (response) => response.resume().on('error', resolve).on('close', resolve))
      })
      await failed
      const leaves = request({ host: '127.0.0.1', port, path: '/never', method: 'POST', headers, agent: false })
      leaves.on('error', () => {})
      leaves.write('a part')
      const { ask } = http1Client(t, port)
      assert.equal((await ask('/x', { headers })).status, 200)
      leaves.destroy()
      await idle(0)
      await idle(1)
      assert.equal((await ask('/x', { headers })).status, 200)
    })

    test(`${name}: WebSockets pass`, async (t) => {
      const { port, origin } = await behind(t, name, sample)
      const sockets = new WebSocketServer({ server: origin.server as never })
      t.after(() => sockets.close())
      sockets.on('connection', (socket) => socket.on('message', (said) => socket.send(`${said}!`)))
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers })
      t.after(() => socket.terminate())
      await once(socket, 'open')
      socket.send('hello')
      const [answer] = await once(socket, 'message')
      assert.equal(String(answer), 'hello!')
    })
  }
})
