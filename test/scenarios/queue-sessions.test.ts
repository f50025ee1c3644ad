/** Sessions whose server is full: they wait for it, and then move or are refused. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { HoldingOrigin } from '../support/holding-origin.ts'
import { loggedRequest } from '../support/limpet.ts'
import { RawClient } from '../support/raw-client.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'
import { User } from '../support/user.ts'

function twoServers(test: TestContext): Promise<HoldingOrigin[]> {
  return Promise.all(['a', 'b'].map((name) => HoldingOrigin.start(test, name)))
}

/** Two users with sessions on different servers; `own` is the server of the first. */
async function twoUsers(port: number, [a, b]: readonly HoldingOrigin[]) {
  const [user, neighbour] = [new User(), new User()]
  const { body: own } = await user.get(port, '/at-once')
  assert.notEqual((await neighbour.get(port, '/at-once')).body, own)
  return own === '<a>' ? { user, neighbour, own: a!, other: b! } : { user, neighbour, own: b!, other: a! }
}

test('a session waits for its own server, and does not hold up requests for another', async (t) => {
  const [a, b] = await twoServers(t)
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        affinity: { type: cookie, name: stick, secrets: [the same secret in every replica] }
        queue: { timeout: 0s }
        servers:
          - { name: a, address: ${a!.address}, maxConnections: 1 }
          - { name: b, address: ${b!.address}, maxConnections: 1 }
  `
  const limpet = await sharedLimpet(config)
  const { user, neighbour, own, other } = await twoUsers(limpet.port, [a!, b!])
  const busy = user.get(limpet.port, '/busy')
  await own.hears(2)
  const answers: string[] = []
  const waiting = ['/1', '/2'].map((path) => user.get(limpet.port, path).then(({ body }) => answers.push(body)))
  for (let i = 0; i < 5; i++) assert.equal((await neighbour.get(limpet.port, '/at-once')).body, `<${other.name}>`)
  assert.deepEqual(answers, [])
  own.release()
  await Promise.all([busy, ...waiting])
  assert.deepEqual(answers, [`<${own.name}>`, `<${own.name}>`])
  const { reason, queued } = await loggedRequest(limpet, '/2')
  assert.equal(reason, 'stuck')
  assert.ok(queued > 0)
})

test('a session whose wait runs out moves to a server with a free place', async (t) => {
  const [a, b] = await twoServers(t)
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        affinity: { type: cookie, name: stick, secrets: [the same secret in every replica] }
        queue: { timeout: 150ms }
        servers:
          - { name: a, address: ${a!.address}, maxConnections: 1 }
          - { name: b, address: ${b!.address}, maxConnections: 1 }
  `
  const limpet = await sharedLimpet(config)
  const { user, own, other } = await twoUsers(limpet.port, [a!, b!])
  user.get(limpet.port, '/busy').catch(() => undefined)
  await own.hears(2)
  assert.equal((await user.get(limpet.port, '/at-once')).body, `<${other.name}>`)
  const [line] = await limpet.log.matching(/moved:full/, 1)
  assert.ok(JSON.parse(line!).queued >= 0.1)
})

test('a session that may not move is refused when its wait runs out', async (t) => {
  const [a, b] = await twoServers(t)
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        affinity: { type: cookie, name: stick, secrets: [the same secret in every replica], onLost: refuse }
        queue: { timeout: 150ms }
        servers:
          - { name: a, address: ${a!.address}, maxConnections: 1 }
          - { name: b, address: ${b!.address}, maxConnections: 1 }
  `
  const limpet = await sharedLimpet(config)
  const { user, own } = await twoUsers(limpet.port, [a!, b!])
  user.get(limpet.port, '/busy').catch(() => undefined)
  await own.hears(2)
  assert.equal((await user.get(limpet.port, '/late')).status, 503)
  const { reason, queued } = await loggedRequest(limpet, '/late')
  assert.equal(reason, 'refused:full')
  assert.ok(queued >= 0.1)
})

test('a session known by a hash waits for its server as well', async (t) => {
  const [a, b] = await twoServers(t)
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        affinity: { type: header, name: X-User }
        queue: { timeout: 0s }
        servers:
          - { name: a, address: ${a!.address}, maxConnections: 1 }
          - { name: b, address: ${b!.address}, maxConnections: 1 }
  `
  const limpet = await sharedLimpet(config)
  const [one, two] = [await RawClient.connect(t, limpet.port), await RawClient.connect(t, limpet.port)]
  const ann = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\nX-User: ann\r\n\r\n`
  const name = await one.ask(ann('/at-once'))
  assert.equal(await two.ask(ann('/at-once')), name)
  const own = name === 'a' ? a! : b!
  one.say(ann('/busy'))
  await own.hears(3)
  two.say(ann('/waits'))
  const stranger = await RawClient.connect(t, limpet.port)
  await stranger.ask('GET /at-once HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal(two.heard, '')
  own.release()
  assert.equal((await two.hear(/<\w>/)).at(-2), name)
  assert.equal((await loggedRequest(limpet, '/waits')).reason, 'stuck')
})
