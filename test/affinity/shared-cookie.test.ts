/** One cookie for two upstreams with the same servers, read and written without a socket. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Session } from '../../src/affinity/affinity.ts'
import { CookieAffinity } from '../../src/affinity/cookie.ts'
import type { NamedPart } from '../../src/runtime/named-part.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { Affinity, Server, Upstream } from '../../src/runtime/snapshot.ts'
import { serversWith } from '../balancing/group.ts'
import { Dice } from '../support/dice.ts'
import { seed } from '../support/seed.ts'

type Settings = Extract<Affinity, { type: 'cookie' }>

const HOUR = 3600
const NOW = 1_800_000_000
const COOKIE: Settings = {
  type: 'cookie',
  name: 'user',
  secrets: ['a secret of some length'],
  idle: HOUR * 1000,
  maxAge: 0,
  path: '/',
  httpOnly: true,
  sameSite: 'Lax',
  secure: 'auto',
  partitioned: false,
  persistent: false,
  onLost: 'move',
}
const WEB = serversWith([{ name: 'one' }, { name: 'two' }, { name: 'three' }])
/** The same ids in another order, in other slots. */
const API = [WEB[2]!, WEB[0]!, WEB[1]!].map((server, index) => ({ ...server, slot: 10 + index }))

/** Two upstreams with one cookie, of which the first issues it, and a third one with a cookie of its own. */
function sharing(more: Partial<Settings> = {}) {
  const table = new SessionTable()
  const settings = { ...COOKIE, ...more }
  const ofWeb = { ...settings, sharedWith: ['api'] }
  const ofApi = { ...settings, of: 'web', sharedWith: ['web'] }
  const upstream = (name: string, affinity: Settings, servers: readonly Server[]) => {
    table.apply([{ affinity, servers } as unknown as Upstream])
    return new CookieAffinity(affinity, name, servers, table)
  }
  return {
    table,
    web: upstream('web', ofWeb, WEB),
    api: upstream('api', ofApi, API),
    other: upstream('other', settings, WEB),
  }
}

const showing = (cookie: string | undefined) => ({
  value: (_part: NamedPart, after = 0) => (after === 0 ? cookie : undefined),
})

const given = (affinity: CookieAffinity, session: Session): string =>
  /^Set-Cookie: user=([^;]+)/.exec(affinity.issue(session as never, false))![1]!

const begin = (affinity: CookieAffinity, server: Server, now = NOW) =>
  given(affinity, affinity.settle(affinity.read(showing(undefined), now), server, now))

const idOn = (servers: readonly Server[], slot: number | undefined) =>
  servers.find((server) => server.slot === slot)?.id

describe('a cookie of two upstreams', () => {
  test('leads to the server of the same id in both, whichever gave it, and is issued once', () => {
    const { web, api } = sharing()
    for (const server of WEB) {
      const cookie = begin(web, server)
      const session = api.read(showing(cookie), NOW)
      assert.equal(idOn(API, session.home), server.id)
      assert.equal(session.standing, 'known')
      assert.equal(api.settle(session, API.find(({ id }) => id === server.id)!, NOW), session, 'nothing new to tell')
    }
    for (const server of API) assert.equal(idOn(WEB, web.read(showing(begin(api, server)), NOW).home), server.id)
  })

  test('is invalid in any other upstream, with the same name and secret', () => {
    const { web, api, other } = sharing()
    assert.equal(other.read(showing(begin(web, WEB[0]!)), NOW).standing, 'invalid')
    assert.equal(other.read(showing(begin(api, API[0]!)), NOW).standing, 'invalid')
  })

  test('is one session of each in the table, of which each counts on its own servers', () => {
    const { web, api, table } = sharing()
    const cookie = begin(web, WEB[0]!)
    const [inWeb, inApi] = [web.read(showing(cookie), NOW), api.read(showing(cookie), NOW)]
    table.put(inWeb.high, inWeb.low, inWeb.home!, NOW)
    table.put(inApi.high, inApi.low, inApi.home!, NOW)
    assert.equal(table.find(inWeb.high, inWeb.low, NOW), inWeb.home)
    assert.equal(table.find(inApi.high, inApi.low, NOW), inApi.home)
  })

  test('moves the session of both where one of them moves it', () => {
    const { web, api } = sharing()
    const session = web.read(showing(begin(web, WEB[0]!)), NOW)
    const cookie = given(web, web.settle(session, WEB[1]!, NOW))
    assert.equal(idOn(API, api.read(showing(cookie), NOW).home), 'two')
  })

  test('is over in both where it has ended in one', () => {
    for (const ending of ['web', 'api'] as const) {
      const upstreams = sharing()
      const cookie = begin(upstreams.web, WEB[0]!)
      const { high, low, home } = upstreams[ending].read(showing(cookie), NOW)
      upstreams.table.put(high, low, home!, NOW)
      upstreams.table.remove(high, low, NOW)
      for (const each of ['web', 'api'] as const)
        assert.equal(upstreams[each].read(showing(cookie), NOW).standing, 'expired', each)
    }
  })

  test('is not idle in one while it is used in the other', () => {
    const { web, api, table } = sharing()
    const cookie = begin(web, WEB[0]!)
    const inApi = api.read(showing(cookie), NOW)
    // A WebSocket, in which no new cookie can be given.
    table.enter(inApi.high, inApi.low, inApi.home!, NOW)
    assert.equal(web.read(showing(cookie), NOW + 2 * HOUR).standing, 'known')
    assert.equal(sharing().web.read(showing(cookie), NOW + 2 * HOUR).standing, 'expired')
  })

  test('is another one once it is issued by another upstream', () => {
    const { web } = sharing()
    assert.ok(web.apply({ ...COOKIE, sharedWith: ['api', 'more'] }, WEB))
    assert.ok(web.apply(COOKIE, WEB))
    assert.ok(!web.apply({ ...COOKIE, of: 'api', sharedWith: ['api'] }, WEB))
  })

  test('leads to the same server in both, wherever its client goes and however its server changes', () => {
    const dice = new Dice(seed)
    const { web, api } = sharing()
    const upstreams = [
      { affinity: web, servers: WEB },
      { affinity: api, servers: API },
    ]
    for (let client = 0; client < 50; client++) {
      let cookie: string | undefined
      let id: string | undefined
      for (let request = 0; request < 20; request++) {
        const { affinity, servers } = upstreams[dice.below(2)]!
        const now = NOW + request * 600
        const session = affinity.read(showing(cookie), now)
        assert.equal(idOn(servers, session.home), id)
        // Its server is gone for a moment, or was never there.
        if (id === undefined || dice.below(4) === 0) id = WEB[dice.below(3)]!.id
        const settled = affinity.settle(session, servers.find((server) => server.id === id)!, now)
        if (settled !== session) cookie = given(affinity, settled)
      }
    }
  })
})
