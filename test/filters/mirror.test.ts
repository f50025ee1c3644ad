import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { connect as connectTo } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import type { CopyOutcome, ExchangeObserver } from '../../src/observability/exchange-record.ts'
import { startDataPlane } from '../support/data-plane.ts'
import { type FilterClient, http1Client, http2Client, mirrorOrigin } from '../support/filtered.ts'
import { httpOrigin, namedOrigin, type Origin, rawOrigin } from '../support/origin.ts'

type Connect = (t: TestContext, port: number) => FilterClient

/** Declares a test for each protocol of clients. */
function both(name: string, check: (t: TestContext, connect: Connect) => Promise<void>): void {
  describe(name, () => {
    test('over HTTP/1.1', (t) => check(t, http1Client))
    test('over HTTP/2', (t) => check(t, http2Client))
  })
}

/** What becomes of copies, as observers are told. */
class Outcomes implements ExchangeObserver {
  readonly all: CopyOutcome[] = []
  exchanges = 0
  #expected: { readonly count: number; readonly resolve: () => void } | undefined

  ended(): void {
    this.exchanges++
  }

  copyEnded(_upstream: unknown, outcome: CopyOutcome): void {
    this.all.push(outcome)
    if (this.all.length === this.#expected?.count) this.#expected.resolve()
  }

  /** Resolves once so many copies are over. */
  async count(count: number): Promise<readonly CopyOutcome[]> {
    if (this.all.length < count) await new Promise<void>((resolve) => (this.#expected = { count, resolve }))
    return this.all
  }
}

interface Copied {
  readonly line: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A server that keeps what it got, and then answers as `answer` does. */
async function shadowOrigin(t: TestContext, answer: RequestListener = (_request, response) => response.end('shadow')) {
  const got: Copied[] = []
  let wanted: { readonly count: number; readonly resolve: () => void } | undefined
  const origin = await httpOrigin(t, async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { method, url, headers } = request
    got.push({ line: `${method} ${url}`, headers, body: Buffer.concat(chunks).toString() })
    if (got.length === wanted?.count) wanted.resolve()
    answer(request, response)
  })
  const count = async (count: number): Promise<readonly Copied[]> => {
    if (got.length < count) await new Promise<void>((resolve) => (wanted = { count, resolve }))
    return got
  }
  return { origin, got, count }
}

/** A site that is copied to `shadow`; its own server says what it got. */
async function siteOf(t: TestContext, shadow: Origin, mirror: object = {}, own?: Origin, more: readonly object[] = []) {
  const origin = own ?? (await mirrorOrigin(t))
  const outcomes = new Outcomes()
  const configOf = (filters: readonly object[], upstreams: object = { shadow: { servers: [shadow.address] } }) => ({
    listeners: [{ h2c: true }],
    routes: [{ path: '/*', upstream: 'own', filters }],
    upstreams: { own: { servers: [origin.address] }, ...upstreams },
  })
  const plane = await startDataPlane(
    t,
    configOf([{ mirror: { to: 'shadow', ...mirror } }, ...more]),
    undefined,
    outcomes,
  )
  return { plane, outcomes, configOf }
}

both('a copy has what the request has, and a mark', async (t, connect) => {
  const shadow = await shadowOrigin(t)
  const { plane, outcomes } = await siteOf(t, shadow.origin, {}, undefined, [
    { path: { strip: '/app' } },
    { headers: { request: { set: { 'X-More': 'yes' }, remove: ['X-Less'] } } },
  ])
  const client = connect(t, plane.port)
  const body = 'b'.repeat(40_000)
  const headers = { 'X-Less': '1', Cookie: 'a=1', 'Content-Length': String(body.length) }
  const own = await client.got('/app/a?b=c', {
    method: 'POST',
    headers,
    body: Buffer.from(body),
    host: 'www.example.org',
  })
  assert.equal(own.headers['x-limpet-mirror'], undefined)
  const [copy] = await shadow.count(1)
  assert.equal(copy!.line, 'POST /a?b=c')
  assert.equal(copy!.body, body)
  const { 'x-limpet-mirror': mark, ...rest } = copy!.headers
  assert.equal(mark, '1')
  assert.deepEqual(rest, own.headers, 'also the id of the request')
  assert.equal(rest.host, 'www.example.org')
  assert.equal(rest['x-more'], 'yes')
  assert.equal(rest['x-less'], undefined)
  await client.got('/app/without-a-body')
  assert.equal((await shadow.count(2))[1]!.line, 'GET /without-a-body')
  assert.deepEqual(await outcomes.count(2), ['answered', 'answered'])
  assert.equal(outcomes.exchanges, 2, 'copies are no requests of clients')
})

both('a share of the requests is copied, exactly', async (t, connect) => {
  const shadow = await shadowOrigin(t)
  const { plane, outcomes } = await siteOf(t, shadow.origin, { share: '10%' })
  const client = connect(t, plane.port)
  for (let request = 0; request < 100; request++) await client.got('/')
  assert.equal((await outcomes.count(10)).length, 10)
  assert.equal(shadow.got.length, 10)
})

both('the answer of a copy reaches nobody, whatever it is', async (t, connect) => {
  const shadow = await shadowOrigin(t, (_request, response) => {
    response.writeHead(500, { 'Set-Cookie': 'a=shadow' }).end('x'.repeat(500_000))
  })
  const { plane, outcomes } = await siteOf(t, shadow.origin)
  const client = connect(t, plane.port)
  const { status, headers } = await client.ask('/')
  assert.equal(status, 200)
  assert.equal(headers['set-cookie'], undefined)
  assert.deepEqual(await outcomes.count(1), ['answered'])
})

both(
  'requests are answered although copies are not: no server, early ends, silence, endless answers',
  async (t, connect) => {
    const gone = await namedOrigin(t, 'gone')
    await gone.kill()
    const early = await rawOrigin(t, (socket) => socket.once('data', () => socket.destroy()))
    const cut = await shadowOrigin(t, (_request, response) => {
      response.writeHead(200, { 'Content-Length': '100' })
      response.write('x', () => response.destroy())
    })
    const silent = await shadowOrigin(t, () => {})
    const endless = await shadowOrigin(t, (_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(10_000)));
      }
      response.on('drain', more)
      more()
    })
    for (const shadow of [gone, early, cut.origin, silent.origin, endless.origin]) {
      const { plane, outcomes } = await siteOf(t, shadow, { timeout: '200ms' })
      const client = connect(t, plane.port)
      assert.equal((await client.got('/', { method: 'POST', body: 'body' })).body, 'body')
      assert.deepEqual(await outcomes.count(1), ['failed'])
    }
  },
)

both('no more copies are in flight than are wanted, and the others are dropped', async (t, connect) => {
  const held: ServerResponse[] = []
  const shadow = await shadowOrigin(t, (_request, response) => void held.push(response))
  const { plane, outcomes } = await siteOf(t, shadow.origin, { maxInFlight: 3 })
  const client = connect(t, plane.port)
  await Promise.all(Array.from({ length: 20 }, () => client.got('/')))
  assert.deepEqual(await outcomes.count(17), new Array(17).fill('dropped'))
  await shadow.count(3)
  for (const response of held) response.end()
  assert.deepEqual((await outcomes.count(20)).slice(17), ['answered', 'answered', 'answered'])
  await client.got('/')
  assert.equal((await shadow.count(4)).length, 4, 'places are free again')
})

both('long bodies are not copied, whether their length is known or not', async (t, connect) => {
  const shadow = await shadowOrigin(t)
  const { plane, outcomes } = await siteOf(t, shadow.origin, { body: '20kB' })
  const client = connect(t, plane.port)
  const bodyOf = (length: number) => ({ method: 'POST', body: Buffer.alloc(length, 'x') })
  const known = (length: number) => ({ ...bodyOf(length), headers: { 'Content-Length': String(length) } })
  const unknown = (length: number) => ({ ...bodyOf(length), headers: { 'Transfer-Encoding': 'chunked' } })
  const chunked = connect === http1Client ? unknown : bodyOf
  for (const ask of [known(20_001), chunked(20_001), known(20_000), chunked(20_000), chunked(1)])
    assert.equal((await client.got('/', ask)).body.length, ask.body.length)
  assert.deepEqual(await outcomes.count(4), ['dropped', 'answered', 'answered', 'answered'])
  assert.deepEqual(
    shadow.got.map(({ body }) => body.length),
    [20_000, 20_000, 1],
  )
  assert.ok(shadow.got.every(({ headers }) => headers['transfer-encoding'] === undefined))
})

test('nothing is copied of a request that no server gets', async (t) => {
  const shadow = await shadowOrigin(t)
  const { plane, outcomes } = await siteOf(t, shadow.origin, { maxInFlight: 1 }, undefined, [
    { respond: { status: 204 } },
  ])
  const client = http1Client(t, plane.port)
  for (let request = 0; request < 5; request++) assert.equal((await client.ask('/')).status, 204)
  assert.deepEqual(outcomes.all, [])
  assert.equal(shadow.got.length, 0)
})

test('a request that is tried on two servers is copied once', async (t) => {
  const shadow = await shadowOrigin(t)
  const first = await rawOrigin(t, (socket) => socket.once('data', () => socket.destroy()))
  const second = await mirrorOrigin(t)
  const outcomes = new Outcomes()
  const plane = await startDataPlane(
    t,
    {
      routes: [{ path: '/*', upstream: 'own', filters: [{ mirror: { to: 'shadow' } }] }],
      upstreams: {
        own: { servers: [first.address, second.address] },
        shadow: { servers: [shadow.origin.address] },
      },
    },
    undefined,
    outcomes,
  )
  const client = http1Client(t, plane.port)
  await client.got('/one')
  await client.got('/other')
  assert.deepEqual(await outcomes.count(2), ['answered', 'answered'])
  assert.deepEqual(new Set(shadow.got.map(({ line }) => line)), new Set(['GET /one', 'GET /other']))
})

test('a copy begins no session', async (t) => {
  const shadow = await shadowOrigin(t)
  const own = await mirrorOrigin(t)
  const outcomes = new Outcomes()
  const plane = await startDataPlane(
    t,
    {
      routes: [{ path: '/*', upstream: 'own', filters: [{ mirror: { to: 'shadow' } }] }],
      upstreams: {
        own: { servers: [own.address] },
        shadow: { servers: [shadow.origin.address], affinity: 'cookie' },
      },
    },
    undefined,
    outcomes,
  )
  assert.equal((await http1Client(t, plane.port).ask('/')).headers['set-cookie'], undefined)
  assert.deepEqual(await outcomes.count(1), ['answered'])
})

test('a copy is dropped where users wait for the server', async (t) => {
  const held: ServerResponse[] = []
  const shadow = await shadowOrigin(t, (_request, response) => void held.push(response))
  const own = await mirrorOrigin(t)
  const outcomes = new Outcomes()
  const plane = await startDataPlane(
    t,
    {
      routes: [
        { path: '/*', upstream: 'own', filters: [{ mirror: { to: 'shadow' } }] },
        { path: '/shadow', upstream: 'shadow' },
      ],
      upstreams: {
        own: { servers: [own.address] },
        shadow: { servers: [{ address: shadow.origin.address, maxConnections: 1 }] },
      },
    },
    undefined,
    outcomes,
  )
  const client = http1Client(t, plane.port)
  const user = client.ask('/shadow')
  await shadow.count(1)
  await client.got('/')
  assert.deepEqual(await outcomes.count(1), ['dropped'])
  held[0]!.end()
  assert.equal((await user).status, 200)
})

test('an upstream that is removed gets no copies any more, and those in flight end', async (t) => {
  const held: ServerResponse[] = []
  const shadow = await shadowOrigin(t, (_request, response) => void held.push(response))
  const { plane, outcomes, configOf } = await siteOf(t, shadow.origin)
  const client = http1Client(t, plane.port)
  await client.got('/')
  await shadow.count(1)
  await plane.apply(configOf([], {}))
  await client.got('/')
  held[0]!.end()
  assert.deepEqual(await outcomes.count(1), ['answered'])
  await plane.apply(configOf([{ mirror: { to: 'shadow' } }]))
  await client.got('/again')
  assert.equal((await shadow.count(2))[1]!.line, 'GET /again')
  held[1]!.end()
  assert.deepEqual(await outcomes.count(2), ['answered', 'answered'])
})

test('a switch of protocols is not copied', async (t) => {
  const shadow = await shadowOrigin(t)
  const own = await rawOrigin(t, (socket) => {
    socket.once('data', () =>
      socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\nhello'),
    )
  })
  const { plane, outcomes } = await siteOf(t, shadow.origin, {}, own)
  const socket = connectTo(plane.port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n')
  let received = ''
  socket.on('data', (bytes) => (received += bytes))
  await once(socket, 'close')
  assert.match(received, /^HTTP\/1\.1 101 /)
  assert.deepEqual(outcomes.all, [])
  assert.equal(shadow.got.length, 0)
})

test('a request that waited in another filter is copied to its own upstream, whatever the configuration is by then', async (t) => {
  const [shadow, stranger] = [await shadowOrigin(t), await shadowOrigin(t)]
  const asked = Promise.withResolvers<ServerResponse>()
  const service = await httpOrigin(t, (_request, response) => asked.resolve(response))
  const filters = [{ forwardAuth: { url: `http://${service.address}/` } }, { mirror: { to: 'shadow' } }]
  const { plane, outcomes, configOf } = await siteOf(t, shadow.origin)
  const upstreams = { shadow: { servers: [shadow.origin.address] } }
  await plane.apply(configOf(filters, upstreams))
  const answered = http1Client(t, plane.port).ask('/a')
  const answer = await asked.promise
  await plane.apply(configOf([], { stranger: { servers: [stranger.origin.address] }, ...upstreams }))
  answer.end()
  assert.equal((await answered).status, 200)
  assert.deepEqual(await outcomes.count(1), ['answered'])
  assert.deepEqual([shadow.got.map(({ line }) => line), stranger.got], [['GET /a'], []])
})
