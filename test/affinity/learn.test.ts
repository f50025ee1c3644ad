/** Sessions that are learnt from answers, without a socket, under a clock of the test's own. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Session, SessionRequest, SessionResponse } from '../../src/affinity/affinity.ts'
import { LearnAffinity } from '../../src/affinity/learn.ts'
import { unescaped } from '../../src/http1/query.ts'
import { SESSION_BUCKETS, SESSIONS_IN_BUCKET } from '../../src/runtime/bounds.ts'
import type { NamedPart } from '../../src/runtime/named-part.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { Server, SessionSource, Upstream } from '../../src/runtime/snapshot.ts'
import { serversWith } from '../balancing/group.ts'
import fc from '../support/property.ts'
import { savedOf } from '../support/saved-sessions.ts'

const HOUR = 3600
const NOW = 1_800_000_000
const servers = serversWith([{ name: 'a' }, { name: 'b' }, { name: 'c' }])
const COOKIE: SessionSource = { from: 'cookie', name: 'sid' }
const HEADER: SessionSource = { from: 'header', name: 'x-session' }
const QUERY: SessionSource = { from: 'query', name: 'session' }
const SOCKET_IO: SessionSource = { from: 'socket.io' }

/** With what becomes of the sessions that it is told of: an exchange enters them, and leaves. */
class Learning extends LearnAffinity {
  readonly #sessions: SessionTable

  constructor(...args: ConstructorParameters<typeof LearnAffinity>) {
    super(...args)
    this.#sessions = args[3]
  }

  override learn(response: SessionResponse, home: Server, now: number, shown: Session | undefined, path = '/') {
    const learnt = super.learn(response, home, now, shown, path)
    if (learnt !== undefined) this.#sessions.put(learnt.high, learnt.low, home.slot, now)
    return learnt
  }
}

interface Options {
  readonly from?: readonly SessionSource[]
  readonly upstream?: string
  readonly list?: readonly Server[]
  readonly table?: SessionTable
  readonly secret?: string
  readonly adopt?: boolean
  readonly ask?: string
}

function learning({
  from = [COOKIE],
  upstream = 'app',
  list = servers,
  table,
  secret = 'of the machine',
  adopt = false,
  ask,
}: Options = {}) {
  const sessions = table ?? new SessionTable()
  const asks = ask !== undefined && { ask }
  const settings = { type: 'learn', from, secret, adopt, ...asks, idle: HOUR * 1000, onLost: 'move' } as const
  sessions.apply([{ affinity: settings, servers: list } as unknown as Upstream])
  return new Learning(settings, upstream, list, sessions)
}

/** By its name, what stands there: once, or several times. */
type Fields = Readonly<Record<string, string | readonly string[]>>

interface Shown {
  readonly cookies?: Fields
  readonly headers?: Fields
  readonly query?: Fields
}

function request({ cookies = {}, headers = {}, query = {} }: Shown): SessionRequest {
  const fields = { cookie: cookies, header: headers, query }
  return {
    value({ from, name }: NamedPart, after = 0) {
      const value = [fields[from][name] ?? []].flat()[after]
      return value !== undefined && from === 'query' ? unescaped(value) : value
    },
  }
}

function response({ status = 200, cookies = {}, headers = {}, redirect = {}, endsSession = false }): SessionResponse {
  const of = (fields: Readonly<Record<string, string>>) => (name: string) => fields[name]
  const setCookies = (name: string) => [(cookies as Fields)[name] ?? []].flat()
  return { status, endsSession, setCookies, header: of(headers), redirectQuery: of(redirect) }
}

const showing = (sid: string) => request({ cookies: { sid } })
const telling = (sid: string) => response({ cookies: { sid } })

/** The server that a request with that cookie belongs to. */
const homeOf = (affinity: Learning, sid: string, now = NOW) => serverIn(affinity.read(showing(sid), now)?.home)
const serverIn = (slot: number | undefined) => servers.find((server) => server.slot === slot)

const value = fc.string({
  unit: fc.integer({ min: 0x21, max: 0xff }).map((code) => String.fromCharCode(code)),
  minLength: 1,
})
const server = fc.constantFrom(...servers)

describe('what an answer tells', () => {
  test('is found from then on until it has been idle for too long, on the server that answered', () => {
    fc.assert(
      fc.property(
        value,
        server,
        fc.nat({ max: HOUR }),
        fc.integer({ min: HOUR + 1, max: HOUR * 99 }),
        (sid, home, soon, late) => {
          const affinity = learning()
          assert.equal(affinity.read(showing(sid), NOW)?.standing, 'expired')
          affinity.learn(telling(sid), home, NOW, undefined)
          const shown = affinity.read(showing(sid), NOW + soon)!
          assert.deepEqual([shown.standing, shown.home, shown.key], ['known', home.slot, undefined])
          assert.equal(affinity.settle(shown, home), shown)
          assert.equal(affinity.read(showing(sid), NOW + late)?.standing, 'expired')
        },
      ),
      { numRuns: 20 },
    )
  })

  test('is found by every worker, and after a restart with the same secret', () => {
    fc.assert(
      fc.property(value, server, (sid, home) => {
        const table = new SessionTable()
        learning({ table }).learn(telling(sid), home, NOW, undefined)
        assert.equal(homeOf(learning({ table: new SessionTable(table.memory) }), sid), home)
        const next = new SessionTable()
        for (const session of savedOf(table, NOW)) assert.ok(next.saved.restore(session, NOW))
        assert.equal(homeOf(learning({ table: next }), sid), home)
        assert.equal(homeOf(learning({ table: next, secret: 'of another machine' }), sid), undefined)
      }),
      { numRuns: 20 },
    )
  })

  test('is never found on another upstream, nor by another value', () => {
    const table = new SessionTable()
    const known = new Set<string>()
    fc.assert(
      fc.property(value, value, (sid, other) => {
        learning({ table }).learn(telling(sid), servers[0]!, NOW, undefined)
        known.add(sid)
        assert.equal(homeOf(learning({ table, upstream: 'api' }), sid), undefined)
        if (!known.has(other)) assert.equal(homeOf(learning({ table }), other), undefined)
      }),
      { numRuns: 200 },
    )
  })

  test('says nothing of itself on the table', () => {
    const table = new SessionTable()
    learning({ table }).learn(telling('a-secret-session-id'), servers[0]!, NOW, undefined)
    assert.ok(!Buffer.from(table.memory).includes('secret'))
  })

  test('is found through all lists of servers that have its server, and on no other', () => {
    const settings = {
      type: 'learn',
      from: [COOKIE],
      secret: 'of the machine',
      adopt: false,
      idle: HOUR * 1000,
      onLost: 'move',
    } as const
    const lists = fc.array(fc.shuffledSubarray(servers as Server[]), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(value, server, lists, (sid, home, lists) => {
        const affinity = learning()
        affinity.learn(telling(sid), home, NOW, undefined)
        for (const list of lists) {
          const next = list.map((server) => ({ ...server, address: '10.0.0.1:80', weight: list.length }))
          assert.ok(affinity.apply(settings, next))
          for (let turn = 0; turn < 2; turn++) {
            assert.equal(homeOf(affinity, sid), list.includes(home) ? home : undefined)
            assert.equal(affinity.read(showing(sid), NOW)?.standing, list.includes(home) ? 'known' : 'expired')
          }
        }
      }),
      { numRuns: 30 },
    )
  })

  test('may be long, and is found all the same', () => {
    const affinity = learning()
    for (const length of [255, 256, 257, 8000]) {
      affinity.learn(telling('x'.repeat(length)), servers[1]!, NOW, undefined)
      for (let turn = 0; turn < 3; turn++) assert.equal(homeOf(affinity, 'x'.repeat(length)), servers[1])
    }
  })

  test('moves with the session', () => {
    const table = new SessionTable()
    const affinity = learning({ table })
    affinity.learn(telling('x'), servers[0]!, NOW, undefined)
    const moved = affinity.settle(affinity.read(showing('x'), NOW)!, servers[2]!)
    table.leave(table.enter(moved.high, moved.low, servers[2]!.slot, NOW), moved.high, moved.low, NOW)
    assert.equal(homeOf(affinity, 'x'), servers[2])
  })

  test('may be a second session of the same client: both live on', () => {
    const affinity = learning()
    affinity.learn(telling('guest'), servers[0]!, NOW, undefined)
    affinity.learn(telling('user'), servers[0]!, NOW, affinity.read(showing('guest'), NOW))
    assert.equal(homeOf(affinity, 'guest'), servers[0])
    assert.equal(homeOf(affinity, 'user'), servers[0])
  })

  test('ends the session that the request showed, where the cookie is taken away, and no other', () => {
    const affinity = learning({ from: [SOCKET_IO, COOKIE] })
    affinity.learn(telling('mine'), servers[0]!, NOW, undefined)
    affinity.learn(telling('other'), servers[0]!, NOW, undefined)
    affinity.learn(telling('socket'), servers[0]!, NOW, undefined)
    affinity.learn(telling(''), servers[0]!, NOW, undefined)
    affinity.learn(telling(''), servers[0]!, NOW, affinity.read(showing('unknown'), NOW))
    affinity.learn(telling(''), servers[0]!, NOW, affinity.read(request({ query: { sid: 'socket' } }), NOW))
    for (const sid of ['mine', 'other', 'socket']) assert.equal(homeOf(affinity, sid), servers[0])
    affinity.learn(telling(''), servers[0]!, NOW, affinity.read(showing('mine'), NOW))
    assert.equal(homeOf(affinity, 'mine'), undefined)
    assert.equal(homeOf(affinity, 'other'), servers[0])
  })
})

describe('two ids', () => {
  const both = (...sid: string[]) => request({ cookies: { sid } })

  test('in one answer are both learnt', () => {
    const affinity = learning()
    affinity.learn(response({ cookies: { sid: ['one', 'other'] } }), servers[1]!, NOW, undefined)
    for (const sid of ['one', 'other']) assert.equal(homeOf(affinity, sid), servers[1])
  })

  test('in one request go by the one that is known, wherever it stands among the first few', () => {
    const affinity = learning()
    affinity.learn(telling('known'), servers[2]!, NOW, undefined)
    for (const shown of [both('old', 'known'), both('known', 'old'), both('', 'a', 'b', 'known')]) {
      assert.equal(affinity.read(shown, NOW)?.home, servers[2]!.slot)
    }
    assert.deepEqual(affinity.read(both('a', 'b', 'c', 'd', 'known'), NOW)?.key, Buffer.from('a'))
  })

  test('of which the known one is over go by the first', () => {
    assert.deepEqual(learning().read(both('a', 'b'), NOW)?.key, Buffer.from('a'))
  })
})

describe("an id of the application's own that its answer accepts", () => {
  const answers = { accepts: response({}), redirects: response({ status: 302 }) }
  const refuses = [400, 404, 500, 503].map((status) => response({ status }))

  function adopting(adopt = true, table = new SessionTable()) {
    const affinity = learning({ adopt, table })
    const answered = (sid: string, answer: SessionResponse) => {
      affinity.learn(answer, servers[1]!, NOW, affinity.read(showing(sid), NOW))
      return homeOf(affinity, sid)
    }
    return { affinity, answered, table }
  }

  test('is learnt if that is asked for', () => {
    for (const answer of Object.values(answers)) {
      assert.equal(adopting().answered('x', answer), servers[1])
      assert.equal(adopting(false).answered('x', answer), undefined)
    }
  })

  test('is not learnt from an error, nor where the answer gives another id or takes it away', () => {
    for (const answer of [...refuses, telling('y'), telling('')]) {
      assert.equal(adopting().answered('x', answer), undefined)
    }
  })

  test('is not learnt twice, nor moved by who answers next', () => {
    const { affinity, answered } = adopting()
    answered('x', answers.accepts)
    assert.equal(affinity.learn(answers.accepts, servers[2]!, NOW, affinity.read(showing('x'), NOW)), undefined)
    assert.equal(homeOf(affinity, 'x'), servers[1])
  })

  test('pushes out no live session, however many are invented', () => {
    const { answered, table } = adopting()
    // So many that hardly a bucket has room left.
    const room = SESSION_BUCKETS * SESSIONS_IN_BUCKET
    for (let low = 1; low <= 2.2 * room; low++) table.put(1, low, 0, NOW)
    const live = () => table.count([0], NOW).get(0)!.live
    const before = live()
    assert.ok(before > 0.999 * room)
    const learnt = Array.from({ length: 500 }, (_, id) => answered(`invented ${id}`, answers.accepts))
    assert.ok(learnt.filter((session) => session !== undefined).length < 5)
    assert.equal(live(), before)
  })
})

describe('a value that nobody gave out', () => {
  test('is hashed as it is, and takes no room', () => {
    const table = new SessionTable()
    const affinity = learning({ table })
    fc.assert(
      fc.property(value, server, (sid, chosen) => {
        const shown = affinity.read(showing(sid), NOW)!
        assert.equal(shown.standing, 'expired')
        assert.deepEqual(shown.key, Buffer.from(sid, 'latin1'))
        const session = affinity.settle(shown, chosen)
        assert.equal(session, shown)
        assert.equal(table.enter(session.high, session.low, chosen.slot, NOW), -1)
      }),
    )
    assert.deepEqual(savedOf(table, NOW), [])
  })

  test('is none at all where it is empty, or absent', () => {
    const affinity = learning({ from: [COOKIE, HEADER, QUERY, SOCKET_IO] })
    assert.equal(affinity.read(request({}), NOW), undefined)
    assert.equal(affinity.read(showing(''), NOW), undefined)
  })
})

describe('of several places', () => {
  const affinity = learning({ from: [COOKIE, HEADER, QUERY, SOCKET_IO] })
  affinity.learn(telling('in cookie'), servers[0]!, NOW, undefined)
  affinity.learn(response({ headers: { 'x-session': 'in header' } }), servers[1]!, NOW, undefined)
  affinity.learn(response({ status: 302, redirect: { session: 'in query' } }), servers[2]!, NOW, undefined)

  test('the first that is known counts, in the order of the configuration', () => {
    const home = (shown: Shown) => serverIn(affinity.read(request(shown), NOW)?.home)
    const [cookies, headers, query] = [{ sid: 'in cookie' }, { 'x-session': 'in header' }, { session: 'in query' }]
    assert.equal(home({ cookies, headers, query }), servers[0])
    assert.equal(home({ headers, query }), servers[1])
    assert.equal(home({ query }), servers[2])
    assert.equal(home({ cookies: { sid: 'unknown' }, query }), servers[2])
  })

  test('the first there is counts where none is known', () => {
    const shown = affinity.read(request({ headers: { 'x-session': 'h' }, query: { session: 'q' } }), NOW)!
    assert.deepEqual(shown.key, Buffer.from('h'))
  })
})

describe('an Engine.IO handshake', () => {
  const opening = { EIO: '4', transport: 'polling' }
  const affinity = learning({ from: [SOCKET_IO] })

  test('is a request that opens a session, and none that has one', () => {
    assert.ok(affinity.expectsBody(request({ query: opening })))
    assert.ok(affinity.expectsBody(request({ query: { ...opening, sid: '' } })))
    assert.ok(!affinity.expectsBody(request({ query: { ...opening, sid: 'x' } })))
    assert.ok(!affinity.expectsBody(request({ query: { transport: 'polling' } })))
    assert.ok(!affinity.expectsBody(request({})))
    assert.ok(!learning({ from: [COOKIE] }).expectsBody(request({ query: opening })))
  })

  test('is answered by the id in the body, and only by a 200', () => {
    assert.equal(affinity.readerOf(response({ status: 400 }), servers[1]!, NOW), undefined)
    assert.equal(affinity.readerOf(response({ status: 101 }), servers[1]!, NOW), undefined)
    affinity
      .readerOf(response({}), servers[1]!, NOW)!
      .read(Buffer.from('0{"sid":"a/\xc3\xa9","upgrades":[]}', 'latin1'))
    const polling = { ...opening, sid: encodeURIComponent('a/é') }
    assert.equal(affinity.read(request({ query: polling }), NOW)?.home, servers[1]!.slot)
    assert.equal(affinity.read(request({ query: { ...opening, sid: '%' } }), NOW)?.standing, 'expired')
  })
})

describe('ids for questions', () => {
  /** All that a worker gives in so many calls. */
  const idsOn = (affinity: Learning, home: Server, calls: number, now = NOW) =>
    Array.from({ length: calls }, () => affinity.idsOn(home.slot, now)).flat()

  test('are those of the sessions on that server, one after the other, where clients show them', () => {
    const id = fc.record({ sid: value, home: server, place: fc.constantFrom('answer', 'cookie', 'header') })
    fc.assert(
      fc.property(fc.uniqueArray(id, { selector: ({ sid }) => sid, maxLength: 60 }), (sessions) => {
        const table = new SessionTable()
        const affinity = learning({ from: [COOKIE, HEADER], table, ask: '/alive' })
        for (const { sid, home, place } of sessions) {
          affinity.learn(telling(sid), home, NOW, undefined)
          if (place === 'cookie') affinity.read(showing(sid), NOW)
          if (place === 'header') affinity.read(request({ headers: { 'x-session': sid } }), NOW)
        }
        for (const home of servers) {
          const own = sessions.filter((session) => session.home === home)
          const given = idsOn(affinity, home, 10)
          const shown = ({ sid, place }: (typeof own)[number]) => `${place === 'header' ? 'header' : 'cookie'} ${sid}`
          const known = new Set(given.map(({ value, place }) => `${place.from} ${value}`))
          const short = own.filter(({ sid }) => sid.length <= 256)
          assert.deepEqual([...known].sort(), short.map(shown).sort())
          for (const { high, low } of given) table.remove(high, low, NOW)
          assert.deepEqual(idsOn(affinity, home, 10), [])
        }
      }),
      { numRuns: 20 },
    )
  })

  test('are few at once, and bounded in all; none are kept where nobody asks', () => {
    const affinity = learning({ ask: '/alive' })
    for (let id = 0; id < 100_000; id++) affinity.learn(telling(`${id}`), servers[0]!, NOW, undefined)
    const known = new Set<string>()
    for (let call = 0; call < 10_000; call++) {
      const ids = affinity.idsOn(servers[0]!.slot, NOW)
      assert.ok(ids.length <= 16)
      for (const { value } of ids) known.add(value)
    }
    assert.ok(known.size > 32_000 && known.size <= 65_536, `${known.size} are known`)
    assert.ok(known.has('99999'))
    const silent = learning()
    silent.learn(telling('x'), servers[0]!, NOW, undefined)
    silent.read(showing('x'), NOW)
    assert.deepEqual(idsOn(silent, servers[0]!, 3), [])
  })
})
