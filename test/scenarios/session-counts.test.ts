/** From when on a session is counted, and where: it begins with an answer, not with an attempt. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { adminUrlOf, type Limpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { User } from '../support/user.ts'

type Counts = Readonly<Record<string, { readonly live: number; readonly active: number }>>

interface Stage {
  readonly limpet: Limpet
  /** The counts of all servers, once they are so that `expected` finds nothing amiss. They are counted anew once a second. */
  readonly counts: (expected: (counts: Counts) => boolean) => Promise<Counts>
  /** Stops the server of that name. */
  readonly kill: (name: string) => Promise<void>
  /** Requests for /slow that wait to be answered, in the order of their arrival. */
  readonly waiting: ServerResponse[]
}

async function counting(t: TestContext, affinity: unknown, settings: object = {}): Promise<Stage> {
  const waiting: ServerResponse[] = []
  const apps = await Promise.all(
    ['a', 'b'].map(async (name) => {
      const origin = await httpOrigin(t, ({ url, headers }, response) => {
        if (!headers.cookie?.includes('sid=')) response.setHeader('Set-Cookie', `sid=${randomUUID()}; Path=/`)
        if (url === '/slow') waiting.push(response)
        else response.end(name)
      })
      return { name, origin }
    }),
  )
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 2,
    admin: { port: 0 },
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: {
      app: { affinity, servers: apps.map(({ name, origin: { address } }) => ({ name, address, ...settings })) },
    },
  })
  const api = await adminUrlOf(limpet)
  const counts: Stage['counts'] = async (expected) => {
    for (;;) {
      const { servers } = (await (await fetch(`${api}/v1/upstreams/app`)).json()) as {
        servers: { name: string; sessions: { live: number; active: number } }[]
      }
      const now = Object.fromEntries(servers.map(({ name, sessions: { live, active } }) => [name, { live, active }]))
      if (expected(now)) return now
    }
  }
  return { limpet, counts, kill: (name) => apps.find((app) => app.name === name)!.origin.kill(), waiting }
}

const total = (counts: Counts, what: 'live' | 'active') => counts.a![what] + counts.b![what]

describe('an attempt that fails begins no session on its server', () => {
  const kinds = {
    cookie: { type: 'cookie', secrets: ['a secret of some length'] },
    learn: { type: 'learn', from: 'cookie:sid' },
    header: { type: 'header', name: 'X-User' },
  }
  for (const [kind, affinity] of Object.entries(kinds)) {
    test(`with ${kind}`, async (t) => {
      const { limpet, counts, kill } = await counting(t, affinity, { maxFails: 0 })
      await kill('a')
      for (let user = 0; user < 12; user++) {
        const { status, body } = await new User().get(limpet.port, '/', { 'X-User': `user ${user}` })
        assert.deepEqual([status, body], [200, 'b'])
      }
      assert.ok((await limpet.log.matching(/ retry$/, 1)).length > 0)
      const found = await counts((now) => total(now, 'live') >= 12)
      assert.deepEqual(found, { a: { live: 0, active: 0 }, b: { live: 12, active: 0 } })
    })
  }

  test('and an answer to nobody begins none anywhere', async (t) => {
    const { limpet, counts, kill } = await counting(t, kinds.cookie, { maxFails: 0 })
    await kill('a')
    await kill('b')
    assert.equal((await new User().get(limpet.port)).status, 502)
    assert.equal(total(await counts(() => true), 'live'), 0)
  })
})

describe('a session', () => {
  const affinity = { type: 'cookie', secrets: ['a secret of some length'] }

  test('that exists is active from the moment that its server is asked, to the end of the answer', async (t) => {
    const { limpet, counts, waiting } = await counting(t, affinity)
    const user = new User()
    const { body: home } = await user.get(limpet.port)
    const answer = user.get(limpet.port, '/slow')
    assert.equal((await counts((now) => total(now, 'active') > 0))[home]!.active, 1)
    waiting[0]!.end('done')
    assert.equal((await answer).body, 'done')
    assert.equal((await counts((now) => total(now, 'active') === 0))[home]!.live, 1)
  })

  test('that is new begins with the head of its answer, and is active for as long as the body comes', async (t) => {
    const { limpet, counts, waiting } = await counting(t, affinity)
    const known = new User()
    await known.get(limpet.port)
    const answers = [new User().get(limpet.port, '/slow'), known.get(limpet.port, '/slow')]
    // The known one is counted as active; the new one is under way as well by then, and is no session yet.
    const before = await counts((now) => total(now, 'active') > 0 && waiting.length === 2)
    assert.deepEqual([total(before, 'live'), total(before, 'active')], [1, 1])
    for (const response of waiting) response.write('begun')
    const during = await counts((now) => total(now, 'active') > 1)
    assert.deepEqual([total(during, 'live'), total(during, 'active')], [2, 2])
    for (const response of waiting) response.end()
    await Promise.all(answers)
    assert.equal(total(await counts((now) => total(now, 'active') === 0), 'live'), 2)
  })
})
