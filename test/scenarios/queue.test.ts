/** Requests that wait while servers have all that they may. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin, type Origin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { User } from '../support/user.ts'

/** A server that answers when the test says so, or at once from the moment that it is let loose. */
class HoldingOrigin {
  readonly name: string
  origin!: Origin
  /** The paths that it was asked for, in order. */
  readonly asked: string[] = []
  readonly #held: ServerResponse[] = []
  readonly #arrivals = new EventEmitter().setMaxListeners(0)
  #isLoose = false

  static async start(test: TestContext, name = 'a'): Promise<HoldingOrigin> {
    const holding = new HoldingOrigin(name)
    holding.origin = await httpOrigin(test, (request, response) => {
      request.resume()
      holding.asked.push(request.url!)
      if (request.url === '/at-once' || holding.#isLoose) response.end(`<${holding.name}>`)
      else holding.#held.push(response)
      holding.#arrivals.emit('request')
    })
    return holding
  }

  constructor(name: string) {
    this.name = name
  }

  /** Resolves once it was asked for that many. */
  async hears(count: number): Promise<void> {
    while (this.asked.length < count) await once(this.#arrivals, 'request')
  }

  answer(): void {
    this.#held.shift()!.end(`<${this.name}>`)
  }

  letLoose(): void {
    this.#isLoose = true
    while (this.#held.length > 0) this.answer()
  }
}

interface Options {
  readonly workers?: number
  readonly queue?: object
  readonly upstream?: object
  readonly server?: object
  readonly timeouts?: object
}

function balancing(
  test: TestContext,
  origins: readonly HoldingOrigin[],
  { workers = 1, queue, upstream, server, timeouts = {} }: Options = {},
) {
  return startLimpet(test, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers,
    accessLog: 'json',
    timeouts,
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: {
      app: {
        queue: { timeout: '0s', ...queue },
        servers: origins.map(({ name, origin }) => ({ name, address: origin.address, maxConnections: 1, ...server })),
        ...upstream,
      },
    },
  })
}

/** Clients that are known to be connected, in that they have been served. */
async function connected(test: TestContext, port: number, count: number): Promise<RawClient[]> {
  const clients: RawClient[] = []
  for (let i = 0; i < count; i++) {
    const client = await RawClient.connect(test, port)
    client.say('GET /at-once HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.take(/<\w>/)
    clients.push(client)
  }
  return clients
}

function ask(client: RawClient, path: string): void {
  client.say(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
}

/** Takes the one place of a server. */
async function occupy(test: TestContext, port: number, origin: HoldingOrigin): Promise<RawClient> {
  const client = await RawClient.connect(test, port)
  const before = origin.asked.length
  ask(client, '/occupy')
  await origin.hears(before + 1)
  return client
}

async function logOf(limpet: Awaited<ReturnType<typeof balancing>>, path: string) {
  const [line] = await limpet.log.matching(new RegExp(`"GET ${path} `), 1)
  return JSON.parse(line!)
}

test('the first to come is the first to be served, the log says how long each waited, and one too many is refused', async (t) => {
  const a = await HoldingOrigin.start(t)
  const limpet = await balancing(t, [a], { queue: { size: 3 } })
  const clients = await connected(t, limpet.port, 4)
  await occupy(t, limpet.port, a)
  a.asked.length = 0
  clients.forEach((client, index) => {
    ask(client, `/${index}`)
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
  const [first, last, none] = await Promise.all(['/0', '/2', '/3'].map((path) => logOf(limpet, path)))
  assert.equal(first.reason, 'new')
  assert.ok(last.queued >= first.queued && last.queued > 0 && last.queued <= last.seconds)
  assert.deepEqual([none.status, none.upstream], [503, []])
})

test('who has waited for long enough is told so', async (t) => {
  const a = await HoldingOrigin.start(t)
  const limpet = await balancing(t, [a], { queue: { timeout: '150ms' } })
  await occupy(t, limpet.port, a)
  const client = await RawClient.connect(t, limpet.port)
  ask(client, '/late')
  assert.match(await client.hear(/<\/html>/), /^HTTP\/1.1 503 [\s\S]*Retry-After[\s\S]*busy for too long/)
  const { queued, status, reason } = await logOf(limpet, '/late')
  assert.ok(queued >= 0.1, String(queued))
  assert.deepEqual([status, reason], [503, undefined])
})

test('where nobody may wait, one too many is refused at once', async (t) => {
  const a = await HoldingOrigin.start(t)
  const limpet = await balancing(t, [a], { queue: { size: 0 } })
  await occupy(t, limpet.port, a)
  const client = await RawClient.connect(t, limpet.port)
  ask(client, '/no')
  await client.hear(/ 503 [\s\S]*All servers are busy/)
  assert.equal((await logOf(limpet, '/no')).queued, undefined)
})

const cookie = { type: 'cookie', name: 'stick', secrets: ['the same secret in every replica'] }

/** Two servers of one place each, and a user of each. */
async function twoUsers(t: TestContext, affinity: object, queue: object = {}) {
  const origins = [await HoldingOrigin.start(t, 'a'), await HoldingOrigin.start(t, 'b')] as const
  const limpet = await balancing(t, origins, { upstream: { affinity }, queue })
  const users = [new User(), new User()] as const
  const homes = []
  for (const user of users) homes.push((await user.get(limpet.port, '/at-once')).body[1])
  const [own, other] = homes[0] === 'a' ? origins : ([origins[1], origins[0]] as const)
  assert.notEqual(homes[0], homes[1])
  return { limpet, own, other, user: users[0], neighbour: users[1] }
}

test('a session waits for its own server, and is in nobody’s way who wants another', async (t) => {
  const { limpet, own, other, user, neighbour } = await twoUsers(t, cookie)
  const busy = user.get(limpet.port, '/busy')
  await own.hears(2)
  const answers: string[] = []
  const waiting = ['/1', '/2'].map((path) => user.get(limpet.port, path).then(({ body }) => answers.push(body)))
  for (let i = 0; i < 5; i++) assert.equal((await neighbour.get(limpet.port, '/at-once')).body, `<${other.name}>`)
  assert.deepEqual(answers, [])
  own.letLoose()
  await Promise.all([busy, ...waiting])
  assert.deepEqual(answers, [`<${own.name}>`, `<${own.name}>`])
  const line = await logOf(limpet, '/2')
  assert.equal(line.reason, 'stuck')
  assert.ok(line.queued > 0)
})

test('a session that has waited in vain moves to who has a place', async (t) => {
  const { limpet, own, other, user } = await twoUsers(t, cookie, { timeout: '150ms' })
  user.get(limpet.port, '/busy').catch(() => undefined)
  await own.hears(2)
  assert.equal((await user.get(limpet.port, '/at-once')).body, `<${other.name}>`)
  const lines = await limpet.log.matching(/moved:full/, 1)
  assert.ok(JSON.parse(lines[0]!).queued >= 0.1)
})

test('a session that may not move is refused once it has waited in vain', async (t) => {
  const { limpet, own, user } = await twoUsers(t, { ...cookie, onLost: 'refuse' }, { timeout: '150ms' })
  user.get(limpet.port, '/busy').catch(() => undefined)
  await own.hears(2)
  assert.equal((await user.get(limpet.port, '/late')).status, 503)
  const { reason, queued } = await logOf(limpet, '/late')
  assert.equal(reason, 'refused:full')
  assert.ok(queued >= 0.1)
})

test('a session of a hash waits for its server as well', async (t) => {
  const origins = [await HoldingOrigin.start(t, 'a'), await HoldingOrigin.start(t, 'b')]
  const limpet = await balancing(t, origins, { upstream: { affinity: { type: 'header', name: 'X-User' } } })
  const [one, two] = await connected(t, limpet.port, 2)
  const say = (client: RawClient, path: string) => client.say(`GET ${path} HTTP/1.1\r\nHost: a\r\nX-User: ann\r\n\r\n`)
  say(one!, '/at-once')
  const name = (await one!.take(/<\w>/)).at(-2)
  const own = origins.find((origin) => origin.name === name)!
  const before = own.asked.length
  say(one!, '/busy')
  await own.hears(before + 1)
  say(two!, '/waits')
  const [stranger] = await connected(t, limpet.port, 1)
  assert.ok(stranger)
  assert.equal(two!.heard, '')
  own.letLoose()
  assert.equal((await two!.hear(/<\w>/)).at(-2), name)
  assert.equal((await logOf(limpet, '/waits')).reason, 'stuck')
})

test('a place that one worker gives back is taken by who waits in another', async (t) => {
  const a = await HoldingOrigin.start(t)
  const limpet = await balancing(t, [a], { workers: 2 })
  await occupy(t, limpet.port, a)
  // The system deals them out to the two workers.
  const clients = await Promise.all(Array.from({ length: 40 }, () => RawClient.connect(t, limpet.port)))
  for (const client of clients) ask(client, '/')
  a.letLoose()
  for (const client of clients) assert.match(await client.hear(/<a>/), / 200 /)
})

test('who leaves while waiting is out of the queue, and no server hears of it', async (t) => {
  const a = await HoldingOrigin.start(t)
  const limpet = await balancing(t, [a], { queue: { size: 2 } })
  const [gone, left, stays] = await connected(t, limpet.port, 3)
  await occupy(t, limpet.port, a)
  ask(gone!, '/gone')
  gone!.say('GET /gone-too HTTP/1.1\r\nHost: a\r\n\r\n')
  left!.say('POST /left HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello')
  gone!.socket.destroy()
  left!.socket.end()
  await limpet.log.matching(/"status":499/, 2)
  ask(stays!, '/stays')
  a.answer()
  await a.hears(5)
  a.answer()
  await stays!.hear(/<a>/)
  assert.deepEqual(a.asked.slice(3), ['/occupy', '/stays'])
})

test('who waits when Limpet is told to stop is still served', async (t) => {
  const a = await HoldingOrigin.start(t)
  const limpet = await balancing(t, [a])
  const [client] = await connected(t, limpet.port, 1)
  await occupy(t, limpet.port, a)
  ask(client!, '/waits')
  limpet.process.kill('SIGTERM')
  await limpet.errors.find(/again to end at once/)
  a.letLoose()
  await client!.hear(/<a>/)
  client!.socket.end()
})

test('a server that comes round after its failures is given who waits', async (t) => {
  const [a, b] = [await HoldingOrigin.start(t, 'a'), await HoldingOrigin.start(t, 'b')]
  await a.origin.kill()
  const limpet = await balancing(t, [a, b], { server: { failTimeout: '400ms' } })
  await occupy(t, limpet.port, b)
  const client = await RawClient.connect(t, limpet.port)
  ask(client, '/at-once')
  await limpet.errors.find(/server a is suspended/)
  await a.origin.revive()
  assert.match(await client.hear(/<\w>/), /<a>/)
  assert.ok((await logOf(limpet, '/at-once')).queued > 0)
})

test('a server that its check finds well again is given who waits, in whichever worker', async (t) => {
  const [a, b] = [await HoldingOrigin.start(t, 'a'), await HoldingOrigin.start(t, 'b')]
  await a.origin.kill()
  const health = { check: { type: 'tcp', interval: '200ms', timeout: '100ms', rise: 1, fall: 1 } }
  const limpet = await balancing(t, [a, b], { workers: 2, upstream: { health } })
  await limpet.errors.find(/server a is (down|unhealthy|out)/)
  await occupy(t, limpet.port, b)
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(t, limpet.port)))
  for (const client of clients) ask(client, '/at-once')
  await a.origin.revive()
  for (const client of clients) assert.match(await client.hear(/<\w>/), /<a>/)
})

test('a retry waits too, and waiting is not held against it', async (t) => {
  const [a, b] = [await HoldingOrigin.start(t, 'a'), await HoldingOrigin.start(t, 'b')]
  const limpet = await balancing(t, [a, b], { upstream: { retries: { within: '100ms' } }, timeouts: { body: '300ms' } })
  const silent = await RawClient.connect(t, limpet.port)
  await occupy(t, limpet.port, a)
  await occupy(t, limpet.port, b)
  const client = await RawClient.connect(t, limpet.port)
  ask(client, '/waits')
  silent.say('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n')
  await silent.hear(/ 408 /)
  a.answer()
  await a.hears(2)
  await a.origin.kill()
  await limpet.errors.find(/server a is suspended/)
  b.letLoose()
  assert.match(await client.hear(/<b>/), / 200 /)
  const { reason, upstream } = await logOf(limpet, '/waits')
  assert.deepEqual([reason, upstream], ['retry', [a.origin.address, b.origin.address]])
})

test('once no server is up, nobody waits any longer', async (t) => {
  const [a, b] = [await HoldingOrigin.start(t, 'a'), await HoldingOrigin.start(t, 'b')]
  const limpet = await balancing(t, [a, b])
  const holders = [await occupy(t, limpet.port, a), await occupy(t, limpet.port, b)]
  const client = await RawClient.connect(t, limpet.port)
  ask(client, '/waits')
  await a.origin.kill()
  await b.origin.kill()
  assert.match(await client.hear(/<\/html>/), / (502|503) /)
  for (const holder of holders) await holder.hear(/ (502|503) /)
})

test('a body is not read beyond a bound while its request waits, and its client is not blamed', async (t) => {
  const a = await HoldingOrigin.start(t)
  const limpet = await balancing(t, [a], { timeouts: { body: '200ms' } })
  const [client] = await connected(t, limpet.port, 1)
  const silent = await RawClient.connect(t, limpet.port)
  await occupy(t, limpet.port, a)
  const size = 64 * 1024 * 1024
  client!.say(`POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`)
  client!.socket.write(Buffer.alloc(size))
  silent.say('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n')
  await silent.hear(/ 408 /)
  assert.ok(client!.socket.writableLength > 0)
  assert.equal(client!.heard, '')
  a.letLoose()
  assert.match(await client!.hear(/<a>/), / 200 /)
})

test('ten thousand wait at little cost, and all of them are served', { timeout: 120_000 }, async (t) => {
  const a = await HoldingOrigin.start(t)
  const count = 10_000
  const limpet = await balancing(t, [a], { workers: 2, queue: { size: count }, server: { maxConnections: 8 } })
  for (let i = 0; i < 8; i++) await occupy(t, limpet.port, a)
  const clients: RawClient[] = []
  while (clients.length <= count) clients.push(await RawClient.connect(t, limpet.port))
  const before = await residentSize(limpet.process.pid!)
  for (const client of clients) ask(client, '/')
  // One too many is refused only when all others wait.
  await limpet.log.find(/"status":503/)
  const each = ((await residentSize(limpet.process.pid!)) - before) / count
  assert.ok(each < 10_000, `${each} bytes`)
  a.letLoose()
  const statuses: string[] = []
  for (const client of clients) statuses.push((await client.hear(/<a>|<\/html>/)).slice(9, 12))
  assert.equal(statuses.filter((status) => status === '200').length, count)
})

/** In bytes; 0 where the system does not tell. */
async function residentSize(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024
}
