/** The cookie that Limpet issues, read and written without a socket, under a clock of the test's own. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Session } from '../../src/affinity/affinity.ts'
import { CookieAffinity } from '../../src/affinity/cookie.ts'
import { TicketSeal } from '../../src/affinity/ticket.ts'
import type { NamedPart } from '../../src/runtime/named-part.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { Affinity, Upstream } from '../../src/runtime/snapshot.ts'
import { serversWith } from '../balancing/group.ts'
import fc from '../support/property.ts'

type Settings = Extract<Affinity, { type: 'cookie' }>

const SECRET = 'a secret of some length'
const HOUR = 3600
const NOW = 1_800_000_000
const settings: Settings = {
  type: 'cookie',
  name: 'user',
  secrets: [SECRET],
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
const servers = serversWith([{ name: 'a' }, { name: 'b' }, { name: 'c' }])

function affinity(
  changes: Partial<Settings> = {},
  { upstream = 'app', list = servers, table = new SessionTable() } = {},
) {
  table.apply([{ affinity: { ...settings, ...changes }, servers: list } as unknown as Upstream])
  return new CookieAffinity({ ...settings, ...changes }, upstream, list, table)
}

type Cookies = ReturnType<typeof affinity>

/** A request with that cookie, or with none. */
const showing = (...cookies: (string | undefined)[]) => ({
  value: (_part: NamedPart, after = 0) => cookies[after],
})

/** The value of the cookie that a client is given. */
function given(cookies: Cookies, session: Session): string {
  return /^Set-Cookie: user=([^;]+)/.exec(cookies.issue(session as never, false))![1]!
}

/** A client's first request at time `now`: the cookie that it is given for that server. */
function begin(cookies: Cookies, server = servers[0]!, now = NOW): string {
  return given(cookies, cookies.settle(cookies.read(showing(), now), server, now))
}

describe('a ticket', () => {
  const ticket = { high: -5, low: 7, tag: new TicketSeal(SECRET, 'app').tagOf('a'), begunAt: NOW, seenAt: NOW + 9 }

  test('is read under the secret and for the upstream that it was written for, and under no other', () => {
    const text = new TicketSeal(SECRET, 'app').write(ticket)
    assert.deepEqual(new TicketSeal(SECRET, 'app').read(text), ticket)
    assert.equal(new TicketSeal(`${SECRET}.`, 'app').read(text), undefined)
    assert.equal(new TicketSeal(SECRET, 'api').read(text), undefined)
  })

  test('is as good as none when one bit of it differs', () => {
    const seal = new TicketSeal(SECRET, 'app')
    const bytes = Buffer.from(seal.write(ticket), 'base64url')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const forged = Buffer.from(bytes)
      forged[bit >> 3]! ^= 1 << (bit & 7)
      assert.equal(seal.read(forged.toString('base64url')), undefined, `bit ${bit}`)
    }
  })

  test('is as good as none whatever else stands there', () => {
    const seal = new TicketSeal(SECRET, 'app')
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => seal.read(text) === undefined))
    const alike = fc.string({ unit: fc.constantFrom(...'AZaz09-_'), minLength: 55, maxLength: 55 })
    fc.assert(fc.property(alike, (text) => seal.read(text) === undefined))
  })
})

describe('a cookie', () => {
  test('brings its client back to its server, and is not issued again', () => {
    const cookies = affinity()
    for (const server of servers) {
      const shown = cookies.read(showing(begin(cookies, server)), NOW + 60)
      assert.equal(shown.standing, 'known')
      assert.equal(shown.home, server.slot)
      assert.equal(cookies.settle(shown, server, NOW + 60), shown)
    }
  })

  test('goes by the name of the server, wherever that is now', () => {
    const text = begin(affinity())
    const moved = serversWith([
      { name: 'z' },
      { name: 'a', endpoint: { host: '127.0.0.1', port: 9999 }, address: '127.0.0.1:9999' },
    ])
    assert.equal(affinity({}, { list: moved }).read(showing(text), NOW).home, moved[1]!.slot)
  })

  test('belongs to the server of that name through all lists of servers, whatever the slots and addresses', () => {
    const names = [...'abcdef']
    const someNames = fc.shuffledSubarray(names)
    const secret = fc.constantFrom([SECRET], ['another secret of some length', SECRET])
    fc.assert(
      fc.property(fc.array(fc.tuple(someNames, secret), { minLength: 1, maxLength: 8 }), (lists) => {
        const all = serversWith(names.map((name) => ({ name })))
        const cookies = affinity({}, { list: all })
        const texts = new Map(all.map((server) => [server.name, begin(cookies, server)]))
        for (const [list, secrets] of lists) {
          const servers = serversWith(list.map((name) => ({ name, weight: list.length })))
          assert.ok(cookies.apply({ ...settings, secrets }, servers))
          // The second time, it is remembered.
          for (const [name, text] of [...texts, ...texts]) {
            const shown = cookies.read(showing(text), NOW)
            const home = servers.find((server) => server.name === name)?.slot
            assert.deepEqual([shown.standing, shown.home], [home === undefined ? 'removed' : 'known', home])
            assert.equal(shown.isCurrent, secrets[0] === SECRET)
          }
          const gone = all.find(({ name }) => !list.includes(name))
          if (gone === undefined) continue
          const shown = cookies.read(showing(texts.get(gone.name)), NOW)
          assert.equal(cookies.settle(shown, gone, NOW), shown, 'no session is on a server that was removed')
        }
      }),
    )
  })

  test('tells when its server is no more, and keeps the session for the next one', () => {
    const text = begin(affinity())
    const cookies = affinity({}, { list: serversWith([{ name: 'b' }]) })
    const shown = cookies.read(showing(text), NOW)
    assert.deepEqual([shown.standing, shown.home], ['removed', undefined])
    assert.equal(cookies.settle(shown, servers[1]!, NOW).low, shown.low)
  })

  test('is refreshed so often that nobody who comes within the idle limit is ever late', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: HOUR }), { minLength: 1, maxLength: 50 }), (pauses) => {
        const cookies = affinity()
        let now = NOW
        let text = begin(cookies)
        let issued = 1
        for (const pause of pauses) {
          now += pause
          const shown = cookies.read(showing(text), now)
          assert.equal(shown.standing, 'known')
          const session = cookies.settle(shown, servers[0]!, now)
          if (session === shown) continue
          text = given(cookies, session)
          issued++
        }
        assert.ok(issued <= 1 + (now - NOW) / (HOUR / 8))
      }),
    )
  })

  test('expires after the idle limit, and no sooner for a client who is busy all the while', () => {
    const table = new SessionTable()
    const cookies = affinity({}, { table })
    const text = begin(cookies)
    assert.equal(cookies.read(showing(text), NOW + HOUR * 1.1).standing, 'known')
    assert.equal(cookies.read(showing(text), NOW + HOUR * 1.2).standing, 'expired')
    const { high, low } = cookies.read(showing(text), NOW)
    const visit = table.enter(high, low, servers[0]!.slot, NOW)
    assert.equal(cookies.read(showing(text), NOW + HOUR * 50).standing, 'known')
    table.leave(visit, high, low, NOW + HOUR * 60)
    assert.equal(cookies.read(showing(text), NOW + HOUR * 60.5).standing, 'known')
    assert.equal(cookies.read(showing(text), NOW + HOUR * 61.2).standing, 'expired')
  })

  test('expires at its greatest age, however busy its client', () => {
    const cookies = affinity({ maxAge: 24 * HOUR * 1000 })
    let text = begin(cookies)
    for (let hour = 0.5; hour <= 24; hour += 0.5) {
      const shown = cookies.read(showing(text), NOW + hour * HOUR)
      assert.equal(shown.standing, 'known')
      text = given(cookies, cookies.settle(shown, servers[0]!, NOW + hour * HOUR))
    }
    const late = cookies.read(showing(text), NOW + 24 * HOUR + 1)
    assert.equal(late.standing, 'expired')
    assert.notEqual(cookies.settle(late, servers[0]!, NOW).low, cookies.read(showing(text), NOW).low)
  })

  test('from the future is invalid, beyond the minute that the clocks of replicas may differ', () => {
    const cookies = affinity()
    for (const [ahead, standing] of [
      [0, 'known'],
      [60, 'known'],
      [61, 'invalid'],
      [HOUR * 24 * 365, 'invalid'],
    ] as const) {
      const text = begin(cookies, servers[0], NOW + ahead)
      assert.equal(cookies.read(showing(text), NOW).standing, standing)
      assert.equal(affinity().read(showing(text), NOW).standing, standing)
      // Once the clocks have come to it, it is as good as any.
      assert.equal(cookies.read(showing(text), NOW + ahead).standing, 'known')
    }
    const seal = new TicketSeal(SECRET, 'app')
    const seenInFuture = seal.write({ ...seal.read(begin(cookies))!, seenAt: NOW + HOUR })
    assert.equal(cookies.read(showing(seenInFuture), NOW).standing, 'invalid')
  })

  test('under a secret that is going out of use is accepted, and replaced', () => {
    const text = begin(affinity())
    const cookies = affinity({ secrets: ['another secret, newer', SECRET] })
    const shown = cookies.read(showing(text), NOW)
    assert.equal(shown.home, servers[0]!.slot)
    const session = cookies.settle(shown, servers[0]!, NOW)
    assert.notEqual(session, shown)
    assert.equal(session.low, shown.low)
    const onlyNew = affinity({ secrets: ['another secret, newer'] })
    assert.equal(onlyNew.read(showing(given(cookies, session)), NOW).home, servers[0]!.slot)
    assert.equal(onlyNew.read(showing(text), NOW).standing, 'invalid')
  })

  test('that browsers keep is kept until its session is at its greatest age, however often it is renewed', () => {
    const cookies = affinity({ persistent: true, maxAge: 24 * HOUR * 1000, idle: 2 * HOUR * 1000 })
    let text = begin(cookies)
    for (let hour = 1; hour < 24; hour++) {
      const session = cookies.settle(cookies.read(showing(text), NOW + hour * HOUR), servers[0]!, NOW + hour * HOUR)
      assert.match(
        cookies.issue(session, false),
        new RegExp(`; Max-Age=${(24 - hour) * HOUR}; Expires=Sat, 16 Jan 2027 08:00:00 GMT`),
      )
      text = given(cookies, session)
    }
  })

  test('says nothing that can be read', () => {
    const list = serversWith([{ name: 'secret-name' }])
    const text = begin(affinity({}, { list }), list[0])
    for (const word of ['secret-name', '127.0.0.1', '9101', 'app']) {
      assert.ok(!text.includes(word))
      assert.ok(!Buffer.from(text, 'base64url').toString('latin1').includes(word))
    }
  })

  test('has the attributes that the operator wants', () => {
    const line = (changes: Partial<Settings>, isSecure = false) => {
      const cookies = affinity(changes)
      const session = cookies.settle(cookies.read(showing(), NOW), servers[0]!, NOW)
      return cookies.issue(session, isSecure).replace(/=[\w-]{55}/, '=…')
    }
    const PRIVATE = '\r\nCache-Control: private\r\n'
    assert.equal(line({}), `Set-Cookie: user=…; Path=/; HttpOnly; SameSite=Lax${PRIVATE}`)
    assert.equal(line({}, true), `Set-Cookie: user=…; Path=/; HttpOnly; SameSite=Lax; Secure${PRIVATE}`)
    assert.equal(
      line({ path: '/app', domain: 'example.org', httpOnly: false, sameSite: 'None', secure: 'always' }),
      `Set-Cookie: user=…; Path=/app; Domain=example.org; SameSite=None; Secure${PRIVATE}`,
    )
    assert.equal(line({ secure: 'never' }, true), line({}))
    const chips = { sameSite: 'None', secure: 'always', partitioned: true } as const
    assert.equal(line(chips), `Set-Cookie: user=…; Path=/; HttpOnly; SameSite=None; Secure; Partitioned${PRIVATE}`)
    assert.equal(
      line({ persistent: true, maxAge: 24 * HOUR * 1000 }),
      `Set-Cookie: user=…; Path=/; HttpOnly; SameSite=Lax; Max-Age=86400; Expires=Sat, 16 Jan 2027 08:00:00 GMT${PRIVATE}`,
    )
    assert.equal(line({ maxAge: 24 * HOUR * 1000 }), line({}))
    assert.equal(
      affinity({ ...chips, persistent: true, maxAge: HOUR * 1000 }).revoke(true),
      'Set-Cookie: user=; Path=/; HttpOnly; SameSite=None; Secure; Partitioned; Max-Age=0\r\n',
    )
    assert.equal(affinity().revoke(false), 'Set-Cookie: user=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0\r\n')
  })
})
