/** The requests that a new user's browser sends at once, before any answer brings a session. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { httpOrigin, type Named, type Origin } from '../support/origin.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'
import { type Answer, User } from '../support/user.ts'

type Name = 'a' | 'b' | 'c'

/** Three servers of one application, which answers requests for `/burst` all at once, when there are so many as expected. */
class Application {
  servers!: Named<Name>
  #expected = 0
  #held: (() => void)[] = []

  static async start(t: TestContext): Promise<Application> {
    const application = new Application()
    const start = (name: Name): Promise<Origin> =>
      httpOrigin(t, ({ url, headers }, response) => {
        if (!headers.cookie?.includes('sid=')) response.setHeader('Set-Cookie', `sid=${randomUUID()}; Path=/`)
        if (url === '/burst') application.#hold(response, name)
        else response.end(name)
      })
    application.servers = { a: await start('a'), b: await start('b'), c: await start('c') }
    return application
  }

  #hold(response: ServerResponse, name: Name): void {
    this.#held.push(() => response.end(name))
    if (this.#held.length < this.#expected) return
    for (const answer of this.#held.splice(0)) answer()
  }

  /** A new browser sends that many requests at once, each on a connection of its own, and keeps no cookie in between. */
  burst(port: number, browser: string, count = 6, headers: Record<string, string> = {}): Promise<Answer[]> {
    this.#expected = count
    const requests = Array.from({ length: count }, () =>
      new User().get(port, '/burst', { 'User-Agent': browser, ...headers }),
    )
    return Promise.all(requests)
  }
}

const configOf = ({ a, b, c }: Named<Name>, affinity: string, more = '') => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 4
  trustedProxies: [127.0.0.0/8]
  routes: [{ path: /*, upstream: app }]
  upstreams:
    app:
      affinity: ${affinity}
      servers:
        - { name: a, address: ${a.address} ${more} }
        - { name: b, address: ${b.address} ${more} }
        - { name: c, address: ${c.address} ${more} }
`

/** A window that no test outlasts. */
const kinds = {
  cookie: '{ type: cookie, name: stick, newUserWindow: 60s }',
  learn: '{ type: learn, from: "cookie:sid", newUserWindow: 60s }',
  'server-id': '{ type: server-id, from: "cookie:sid", newUserWindow: 60s }',
}

const serversOf = (answers: readonly Answer[]) => [...new Set(answers.map(({ body }) => body))]

for (const [kind, affinity] of Object.entries(kinds)) {
  describe(`with affinity: ${kind}, requests that a new browser sends at once`, () => {
    test('go to one server, each with a session of its own', async (t) => {
      const application = await Application.start(t)
      const limpet = await sharedLimpet(configOf(application.servers, affinity))
      const used = new Set<string>()
      for (let browser = 0; browser < 12; browser++) {
        const answers = await application.burst(limpet.port, `browser ${browser}`)
        const servers = serversOf(answers)
        assert.equal(servers.length, 1)
        used.add(servers[0]!)
        const cookies = new Set(answers.map(({ setCookies }) => setCookies.at(kind === 'cookie' ? -1 : 0)))
        assert.equal(cookies.size, answers.length)
      }
      assert.equal(used.size, 3)
      assert.equal((await limpet.log.matching(/ new$/, 72)).length, 72)
    })

    test('go in turn if the window is off', async (t) => {
      const application = await Application.start(t)
      const limpet = await sharedLimpet(configOf(application.servers, affinity.replace('60s', 'off')))
      for (let browser = 0; browser < 4; browser++) {
        const answers = await application.burst(limpet.port, `browser ${browser}`)
        assert.deepEqual(answers.map(({ body }) => body).sort(), ['a', 'a', 'b', 'b', 'c', 'c'])
      }
    })

    test('are another user behind the same address if the browser is another, or the address behind a proxy', async (t) => {
      const application = await Application.start(t)
      const limpet = await sharedLimpet(configOf(application.servers, affinity))
      const homes = [
        await application.burst(limpet.port, 'one'),
        await application.burst(limpet.port, 'other'),
        await application.burst(limpet.port, 'one', 6, { 'X-Forwarded-For': '198.51.100.7' }),
      ].map(serversOf)
      assert.deepEqual(homes.flat().sort(), ['a', 'b', 'c'])
    })

    test('are a new user from a navigation on', async (t) => {
      const application = await Application.start(t)
      const limpet = await sharedLimpet(configOf(application.servers, affinity))
      const homes: string[] = []
      for (let user = 0; user < 6; user++) {
        const page = await new User().get(limpet.port, '/', { 'User-Agent': 'same', 'Sec-Fetch-Mode': 'navigate' })
        const parts = await application.burst(limpet.port, 'same', 6, { 'Sec-Fetch-Mode': 'no-cors' })
        assert.deepEqual(serversOf(parts), [page.body])
        homes.push(page.body)
      }
      assert.deepEqual(homes.sort(), ['a', 'a', 'b', 'b', 'c', 'c'])
    })

    test('leave a server that goes down, all to the same one', async (t) => {
      const application = await Application.start(t)
      const limpet = await sharedLimpet(configOf(application.servers, affinity))
      const [first] = serversOf(await application.burst(limpet.port, 'browser'))
      await application.servers[first as Name].kill()
      const servers = serversOf(await application.burst(limpet.port, 'browser'))
      assert.equal(servers.length, 1)
      assert.notEqual(servers[0], first)
      assert.deepEqual(serversOf(await application.burst(limpet.port, 'browser')), servers)
    })

    test('overflow to others if the server is full, and those that come later still follow the first', async (t) => {
      const application = await Application.start(t)
      const limpet = await sharedLimpet(configOf(application.servers, affinity, ', maxConnections: 4'))
      const answers = await application.burst(limpet.port, 'browser')
      const counts = ['a', 'b', 'c'].map((name) => answers.filter(({ body }) => body === name).length)
      assert.equal(Math.max(...counts), 4)
      const home = ['a', 'b', 'c'][counts.indexOf(4)]
      assert.deepEqual(serversOf(await application.burst(limpet.port, 'browser', 3)), [home])
    })
  })
}

test('a user whose session is known does not follow, and is not followed', async (t) => {
  const application = await Application.start(t)
  const limpet = await sharedLimpet(configOf(application.servers, kinds.cookie))
  const headers = { 'User-Agent': 'same' }
  const user = new User()
  const { body: home } = await user.get(limpet.port, '/', headers)
  const navigated = await new User().get(limpet.port, '/', { ...headers, 'Sec-Fetch-Mode': 'navigate' })
  assert.notEqual(navigated.body, home)
  assert.equal((await user.get(limpet.port, '/', headers)).body, home)
  assert.equal((await user.get(limpet.port, '/', { ...headers, 'Sec-Fetch-Mode': 'navigate' })).body, home)
  assert.equal((await new User().get(limpet.port, '/', headers)).body, navigated.body)
})

test('a policy that hashes the address of the page does not part them', async (t) => {
  const application = await Application.start(t)
  const config = configOf(application.servers, kinds.learn).replace(
    'affinity:',
    'balance: { type: hash, key: uri }\n      affinity:',
  )
  const limpet = await sharedLimpet(config)
  const servers = new Set<string>()
  for (let page = 0; page < 8; page++) servers.add((await new User().get(limpet.port, `/page-${page}`)).body)
  assert.equal(servers.size, 1)
  assert.equal((await limpet.log.matching(/ new$/, 8)).length, 8)
})
