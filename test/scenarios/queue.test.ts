/** Requests that wait while all servers are at their maxConnections. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { adminOf } from '../support/admin.ts'
import { HoldingOrigin } from '../support/holding-origin.ts'
import { loggedRequest, startLimpet } from '../support/limpet.ts'
import { RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

/** Clients that have been served once, so that Limpet is known to have accepted them. */
async function connected(test: TestContext, port: number, count: number): Promise<RawClient[]> {
  const clients: RawClient[] = []
  for (let i = 0; i < count; i++) {
    const client = await RawClient.connect(test, port)
    client.get('/at-once')
    await client.take(/<\w>/)
    clients.push(client)
  }
  return clients
}

test('requests are served first come, first served, the log says how long each waited, and one too many is refused', async (t) => {
  const a = await HoldingOrigin.start(t, 'a')
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        queue: { size: 3, timeout: 0s }
        servers: [{ name: a, address: ${a.address}, maxConnections: 1 }]
  `
  const limpet = await startLimpet(t, config)
  const clients = await connected(t, limpet.port, 4)
  await a.occupy(t, limpet.port)
  a.asked.length = 0
  clients.forEach((client, index) => {
    client.get(`/${index}`)
  })
  const refused = await clients[3]!.take(/<\/html>/)
  assert.match(refused, /^HTTP\/1.1 503 [\s\S]*Retry-After: \d+\r\n[\s\S]*All servers are busy\./)
  assert.deepEqual(a.asked, [])
  for (let i = 0; i < 3; i++) {
    a.answer()
    await a.hears(i + 1)
  }
  a.answer()
  await clients[2]!.hear(/<a>/)
  assert.deepEqual(a.asked, ['/0', '/1', '/2'])
  const [first, last, none] = await Promise.all(['/0', '/2', '/3'].map((path) => loggedRequest(limpet, path)))
  assert.equal(first.reason, 'new')
  assert.ok(last.queued >= first.queued && last.queued > 0 && last.queued <= last.seconds)
  assert.deepEqual([none.status, none.upstream], [503, []])
})

test('a request that has waited for the timeout is refused', async (t) => {
  const a = await HoldingOrigin.start(t, 'a')
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        queue: { timeout: 150ms }
        servers: [{ name: a, address: ${a.address}, maxConnections: 1 }]
  `
  const limpet = await startLimpet(t, config)
  await a.occupy(t, limpet.port)
  const client = await RawClient.connect(t, limpet.port)
  client.get('/late')
  assert.match(await client.hear(/<\/html>/), /^HTTP\/1.1 503 [\s\S]*Retry-After[\s\S]*busy for too long/)
  const { queued, status, reason } = await loggedRequest(limpet, '/late')
  assert.ok(queued >= 0.1, String(queued))
  assert.deepEqual([status, reason], [503, undefined])
})

test('with a queue of size 0, one too many is refused at once', async (t) => {
  const a = await HoldingOrigin.start(t, 'a')
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        queue: { size: 0 }
        servers: [{ name: a, address: ${a.address}, maxConnections: 1 }]
  `
  const limpet = await startLimpet(t, config)
  await a.occupy(t, limpet.port)
  const client = await RawClient.connect(t, limpet.port)
  client.get('/no')
  await client.hear(/ 503 [\s\S]*All servers are busy/)
  assert.equal((await loggedRequest(limpet, '/no')).queued, undefined)
})

test('a place that one worker frees is taken by a request that waits in another', async (t) => {
  const a = await HoldingOrigin.start(t, 'a')
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    accessLog: json
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        queue: { timeout: 0s }
        servers: [{ name: a, address: ${a.address}, maxConnections: 1 }]
  `
  const limpet = await startLimpet(t, config)
  await a.occupy(t, limpet.port)
  // The kernel spreads them over the two workers.
  const clients = await Promise.all(Array.from({ length: 40 }, () => RawClient.connect(t, limpet.port)))
  for (const client of clients) client.get('/')
  a.release()
  for (const client of clients) assert.match(await client.hear(/<a>/), / 200 /)
})

test('a client that leaves while it waits is removed from the queue, and no server gets its request', async (t) => {
  const a = await HoldingOrigin.start(t, 'a')
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        queue: { size: 2, timeout: 0s }
        servers: [{ name: a, address: ${a.address}, maxConnections: 1 }]
  `
  const limpet = await startLimpet(t, config)
  const [gone, left, stays] = await connected(t, limpet.port, 3)
  await a.occupy(t, limpet.port)
  gone!.get('/gone')
  gone!.get('/gone-too')
  left!.say('POST /left HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello')
  gone!.socket.destroy()
  left!.socket.end()
  await limpet.log.matching(/"status":499/, 2)
  stays!.get('/stays')
  a.answer()
  await a.hears(5)
  a.answer()
  await stays!.hear(/<a>/)
  assert.deepEqual(a.asked.slice(3), ['/occupy', '/stays'])
})

test('requests that wait when Limpet is asked to stop are still served', async (t) => {
  const a = await HoldingOrigin.start(t, 'a')
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        queue: { timeout: 0s }
        servers: [{ name: a, address: ${a.address}, maxConnections: 1 }]
  `
  const limpet = await startLimpet(t, config)
  const [client] = await connected(t, limpet.port, 1)
  await a.occupy(t, limpet.port)
  client!.get('/waits')
  const ask = await adminOf(limpet)
  await until(async () => /^limpet_queue_length\{.*\} 1$/m.test((await ask('GET', '/metrics')).body))
  limpet.process.kill('SIGTERM')
  await limpet.errors.find(/again to end at once/)
  a.release()
  await client!.hear(/<a>/)
  client!.socket.end()
})

test('a body is read up to a bound while its request waits, and its client does not time out', async (t) => {
  const a = await HoldingOrigin.start(t, 'a')
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        queue: { timeout: 0s }
        servers: [{ name: a, address: ${a.address}, maxConnections: 1 }]
    timeouts: { body: 200ms }
  `
  const limpet = await startLimpet(t, config)
  const [client] = await connected(t, limpet.port, 1)
  const silent = await RawClient.connect(t, limpet.port)
  await a.occupy(t, limpet.port)
  const size = 64 * 1024 * 1024
  client!.say(`POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`)
  client!.socket.write(Buffer.alloc(size))
  silent.say('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n')
  await silent.hear(/ 408 /)
  assert.ok(client!.socket.writableLength > 0)
  assert.equal(client!.heard, '')
  a.release()
  assert.match(await client!.hear(/<a>/), / 200 /)
})

test('ten thousand requests wait at little cost, and all of them are served', { timeout: 120_000 }, async (t) => {
  const a = await HoldingOrigin.start(t, 'a')
  const count = 10_000
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    accessLog: json
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        queue: { size: ${count}, timeout: 0s }
        servers: [{ name: a, address: ${a.address}, maxConnections: 8 }]
  `
  const limpet = await startLimpet(t, config)
  for (let i = 0; i < 8; i++) await a.occupy(t, limpet.port)
  const clients: RawClient[] = []
  while (clients.length <= count) clients.push(await RawClient.connect(t, limpet.port))
  const before = await residentSize(limpet.process.pid!)
  for (const client of clients) client.get('/')
  // One too many is refused only when all others wait.
  await limpet.log.find(/"status":503/)
  const each = ((await residentSize(limpet.process.pid!)) - before) / count
  assert.ok(each < 10_000, `${each} bytes`)
  a.release()
  const statuses: string[] = []
  for (const client of clients) statuses.push((await client.hear(/<a>|<\/html>/)).slice(9, 12))
  assert.equal(statuses.filter((status) => status === '200').length, count)
})

/** In bytes; 0 on systems without /proc. */
async function residentSize(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024
}
