import assert from 'node:assert/strict'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { startDataPlane } from '../support/data-plane.ts'
import { type FilterClient, http1Client, http2Client } from '../support/filtered.ts'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'

/** A server that answers as it is told, and how it was reached. */
async function countingOrigin(t: TestContext, answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const handle: RequestListener = (request, response) => {
    counts.requests++
    request.resume().on('end', () => answer(request, response))
  }
  const origin = await httpOrigin(t, handle)
  const counts = { address: origin.address, requests: 0, connections: 0 }
  origin.server.on('connection', () => counts.connections++)
  return counts
}

const busy = (_request: IncomingMessage, response: ServerResponse) => void response.writeHead(503).end('busy')
const well = (_request: IncomingMessage, response: ServerResponse) => void response.end('well')

/** Declares a test for clients of each protocol. */
function testClients(name: string, check: (t: TestContext, connect: typeof http1Client) => Promise<void>): void {
  describe(name, () => {
    test('over HTTP/1.1', (t) => check(t, http1Client))
    test('over HTTP/2', (t) => check(t, http2Client))
  })
}

async function serve(t: TestContext, servers: readonly string[], filters: unknown, upstream: object = {}) {
  const { port } = await startDataPlane(t, {
    listeners: [{ h2c: true }],
    routes: [{ path: '/*', upstream: 'app', filters }],
    upstreams: { app: { servers: servers.map((address, index) => ({ name: `s${index}`, address })), ...upstream } },
  })
  return port
}

testClients('another server is asked, on connections that are kept', async (t, connect) => {
  const bad = await countingOrigin(t, busy)
  const good = await countingOrigin(t, well)
  const client = connect(t, await serve(t, [bad.address, good.address], ['tryNext']))
  for (let count = 0; count < 20; count++) {
    const { status, body } = await client.ask('/')
    assert.deepEqual([status, body], [200, 'well'])
  }
  assert.ok(bad.requests > 5)
  assert.equal(bad.connections, 1)
  assert.equal(good.connections, 1)
})

testClients('the last answer passes as it is', async (t, connect) => {
  const servers = await Promise.all([1, 2, 3].map(() => countingOrigin(t, busy)))
  const addresses = servers.map(({ address }) => address)
  const client = connect(t, await serve(t, addresses, ['tryNext']))
  assert.deepEqual(await answerOf(client), [503, 'busy'])
  assert.deepEqual(
    servers.map(({ requests }) => requests),
    [1, 1, 1],
  )
  const bounded = connect(t, await serve(t, addresses, ['tryNext'], { retries: { tries: 2 } }))
  assert.deepEqual(await answerOf(bounded), [503, 'busy'])
  assert.equal(
    servers.reduce((sum, { requests }) => sum + requests, 0),
    5,
  )
})

async function answerOf(client: FilterClient, method = 'GET', body?: Buffer) {
  const answer = await client.ask('/', { method, ...(body && { body }) })
  return [answer.status, answer.body]
}

testClients('a POST is not sent again, and neither is a body that is not kept', async (t, connect) => {
  const bad = await countingOrigin(t, busy)
  const good = await countingOrigin(t, well)
  const body = Buffer.alloc(100_000)
  const servers = [bad.address, good.address]
  const client = connect(t, await serve(t, servers, ['tryNext']))
  const posts = [await answerOf(client, 'POST'), await answerOf(client, 'POST')]
  assert.deepEqual(posts.toSorted(), [
    [200, 'well'],
    [503, 'busy'],
  ])
  const puts = [await answerOf(client, 'PUT', body), await answerOf(client, 'PUT', body)]
  assert.deepEqual(puts.toSorted(), [
    [200, 'well'],
    [503, 'busy'],
  ])
  const buffering = connect(t, await serve(t, servers, ['bufferRequest', 'tryNext']))
  for (let count = 0; count < 4; count++) assert.deepEqual(await answerOf(buffering, 'PUT', body), [200, 'well'])
})

describe('a session', () => {
  for (const onLost of ['move', 'refuse'] as const) {
    test(`is on its server after another one has answered for that, with onLost: ${onLost}`, async (t) => {
      let refuses = false
      const named = (name: string) =>
        countingOrigin(t, (request, response) =>
          refuses && name === 'a' ? busy(request, response) : void response.end(name),
        )
      const a = await named('a')
      const b = await named('b')
      const affinity = { type: 'cookie', name: 'stick', onLost }
      const client = http1Client(t, await serve(t, [a.address, b.address], ['tryNext'], { affinity }))
      let cookie = ''
      while (cookie === '') {
        const answer = await client.ask('/')
        if (answer.body === 'a') cookie = answer.headers['set-cookie']![0]!.split(';')[0]!
      }
      refuses = true
      const answer = await client.ask('/', { headers: { Cookie: cookie } })
      assert.deepEqual([answer.status, answer.body], onLost === 'move' ? [200, 'b'] : [503, 'busy'])
      assert.equal(answer.headers['set-cookie'], undefined)
      refuses = false
      assert.equal((await client.ask('/', { headers: { Cookie: cookie } })).body, 'a')
    })
  }
})

testClients('a connection is kept whatever takes the place of its answer, or holds it', async (t, connect) => {
  const origin = await countingOrigin(t, (request, response) => {
    response.writeHead(request.url === '/well' ? 200 : 404)
    response.end('nothing')
  })
  const filters = [{ errorPages: { pages: [{ status: 404, body: 'gone' }] } }, 'bufferResponse', 'compress']
  const client = connect(t, await serve(t, [origin.address], filters))
  for (let count = 0; count < 3; count++) {
    for (const path of ['/well', '/missing']) await client.ask(path)
    await client.ask('/missing', { method: 'HEAD' })
    await client.ask('/missing', { method: 'POST', body: 'x' })
  }
  assert.deepEqual([origin.requests, origin.connections], [12, 1])
})

test('the access log shows each server that was asked, and how it answered', async (t) => {
  const bad = await countingOrigin(t, busy)
  const good = await countingOrigin(t, well)
  const limpet = await startLimpet(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: { format: json, fields: [status, upstream, upstreamStatus, attempts, failure] }
    routes: [{ path: /*, upstream: app, filters: [tryNext] }]
    upstreams: { app: { servers: ["${bad.address}", "${good.address}"] } }
  `,
  )
  assert.equal((await http1Client(t, limpet.port).ask('/')).body, 'well')
  const [line] = await limpet.log.matching(/./, 1)
  assert.deepEqual(JSON.parse(line!), {
    status: 200,
    upstream: [bad.address, good.address],
    upstreamStatus: [503, 200],
    attempts: 2,
  })
})
