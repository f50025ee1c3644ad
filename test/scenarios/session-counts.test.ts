/** When a session begins to be counted, and on which server: it begins with an answer, not with an attempt. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { adminUrlOf, type Limpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin, type Origin } from '../support/origin.ts'
import { User } from '../support/user.ts'

type Counts = Readonly<Record<string, { readonly live: number; readonly active: number }>>

interface Servers {
  readonly a: Origin
  readonly b: Origin
  /** Requests for /slow that wait to be answered, in the order of their arrival. */
  readonly waiting: ServerResponse[]
}

/** Two servers that answer with their names, and set a session's id where a request has none. */
async function twoServers(test: TestContext): Promise<Servers> {
  const waiting: ServerResponse[] = []
  const start = (name: string) =>
    httpOrigin(test, ({ url, headers }, response) => {
      if (!headers.cookie?.includes('sid=')) response.setHeader('Set-Cookie', `sid=${randomUUID()}; Path=/`)
      if (url === '/slow') waiting.push(response)
      else response.end(name)
    })
  return { a: await start('a'), b: await start('b'), waiting }
}

/** The sessions of all servers, once `expected` is true of them. The admin API counts them once a second. */
async function counts(limpet: Limpet, expected: (counts: Counts) => boolean): Promise<Counts> {
  const api = await adminUrlOf(limpet)
  for (;;) {
    const { servers } = (await (await fetch(`${api}/v1/upstreams/app`)).json()) as {
      servers: { name: string; sessions: { live: number; active: number } }[]
    }
    const now = Object.fromEntries(servers.map(({ name, sessions: { live, active } }) => [name, { live, active }]))
    if (expected(now)) return now
  }
}

const total = (counts: Counts, what: 'live' | 'active') => counts.a![what] + counts.b![what]

describe('an attempt that fails begins no session on its server', () => {
  const affinities = [
    '{ type: cookie, secrets: [a secret of some length] }',
    '{ type: learn, from: "cookie:sid" }',
    '{ type: header, name: X-User }',
  ]
  for (const affinity of affinities) {
    test(`with affinity: ${affinity}`, async (t) => {
      const { a, b } = await twoServers(t)
      const config = `
        listeners: [{ address: 127.0.0.1, port: 0 }]
        workers: 2
        admin: { port: 0 }
        routes: [{ path: /*, upstream: app }]
        upstreams:
          app:
            affinity: ${affinity}
            servers:
              - { name: a, address: ${a.address}, maxFails: 0 }
              - { name: b, address: ${b.address}, maxFails: 0 }
      `
      const limpet = await startLimpet(t, config)
      await a.kill()
      for (let user = 0; user < 12; user++) {
        const { status, body } = await new User().get(limpet.port, '/', { 'X-User': `user ${user}` })
        assert.deepEqual([status, body], [200, 'b'])
      }
      assert.ok((await limpet.log.matching(/ retry$/, 1)).length > 0)
      const found = await counts(limpet, (now) => total(now, 'live') >= 12)
      assert.deepEqual(found, { a: { live: 0, active: 0 }, b: { live: 12, active: 0 } })
    })
  }

  test('and a request that no server answers begins no session', async (t) => {
    const { a, b } = await twoServers(t)
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 2
      admin: { port: 0 }
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          affinity: { type: cookie, secrets: [a secret of some length] }
          servers:
            - { name: a, address: ${a.address}, maxFails: 0 }
            - { name: b, address: ${b.address}, maxFails: 0 }
    `
    const limpet = await startLimpet(t, config)
    await a.kill()
    await b.kill()
    assert.equal((await new User().get(limpet.port)).status, 502)
    assert.equal(total(await counts(limpet, () => true), 'live'), 0)
  })
})

describe('a session', () => {
  const config = ({ a, b }: Servers) => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    admin: { port: 0 }
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        affinity: { type: cookie, secrets: [a secret of some length] }
        servers: [{ name: a, address: ${a.address} }, { name: b, address: ${b.address} }]
  `

  test('that exists is active from the moment its server gets a request, to the end of the answer', async (t) => {
    const servers = await twoServers(t)
    const { waiting } = servers
    const limpet = await startLimpet(t, config(servers))
    const user = new User()
    const { body: home } = await user.get(limpet.port)
    const answer = user.get(limpet.port, '/slow')
    assert.equal((await counts(limpet, (now) => total(now, 'active') > 0))[home]!.active, 1)
    waiting[0]!.end('done')
    assert.equal((await answer).body, 'done')
    assert.equal((await counts(limpet, (now) => total(now, 'active') === 0))[home]!.live, 1)
  })

  test('that is new begins with the head of its answer, and is active until the end of the body', async (t) => {
    const servers = await twoServers(t)
    const { waiting } = servers
    const limpet = await startLimpet(t, config(servers))
    const known = new User()
    await known.get(limpet.port)
    const answers = [new User().get(limpet.port, '/slow'), known.get(limpet.port, '/slow')]
    // The known session is counted as active; the new request is in flight as well by then, and is no session yet.
    const before = await counts(limpet, (now) => total(now, 'active') > 0 && waiting.length === 2)
    assert.deepEqual([total(before, 'live'), total(before, 'active')], [1, 1])
    for (const response of waiting) response.write('begun')
    const during = await counts(limpet, (now) => total(now, 'active') > 1)
    assert.deepEqual([total(during, 'live'), total(during, 'active')], [2, 2])
    for (const response of waiting) response.end()
    await Promise.all(answers)
    assert.equal(total(await counts(limpet, (now) => total(now, 'active') === 0), 'live'), 2)
  })
})
