/** What `plan` says of live sessions is what becomes of them. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { UpstreamPlan } from '../../src/planning/answers.ts'
import { plan } from '../../src/planning/plan.ts'
import { wallSeconds } from '../../src/runtime/clock.ts'
import { HealthBit } from '../../src/runtime/health-bit.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { Snapshot } from '../../src/runtime/snapshot.ts'
import fc from '../support/property.ts'
import { snapshotOf } from '../support/snapshot.ts'
import { Site, startApp, type Visit, Visitor } from './population.ts'

const AFFINITIES = {
  cookie: { type: 'cookie' },
  'cookie of another name': { type: 'cookie', name: 'other' },
  learn: { type: 'learn', from: 'header:x-session' },
  header: { type: 'header', name: 'x-user' },
  'ip-hash': { type: 'ip-hash' },
  none: undefined,
} as const
type AffinityName = keyof typeof AFFINITIES

const BALANCES = {
  'round-robin': 'round-robin',
  'ip-hash': 'ip-hash',
  'least-connections': 'least-connections',
  hash: { type: 'hash', key: 'uri' },
} as const

interface Design {
  readonly affinity: AffinityName
  readonly balance: keyof typeof BALANCES
  readonly onLost: 'move' | 'refuse'
  readonly servers: readonly {
    readonly name: string
    weight: number
    down: boolean
    drain: boolean | 'move' | 'refuse'
  }[]
}

/** So many users come to the first configuration. */
const USERS = 40

const servers = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    weight: fc.integer({ min: 1, max: 4 }),
    down: fc.integer({ min: 0, max: 5 }).map((number) => number === 0),
    drain: fc.integer({ min: 0, max: 11 }).map((number) => ([true, 'move', 'refuse'] as const)[number] ?? false),
  }),
  { minLength: 1, maxLength: 6, selector: ({ name }) => name },
)
const design: fc.Arbitrary<Design> = fc.record({
  affinity: fc.constantFrom(...(Object.keys(AFFINITIES) as AffinityName[])),
  balance: fc.constantFrom(...(Object.keys(BALANCES) as (keyof typeof BALANCES)[])),
  onLost: fc.constantFrom('move', 'refuse'),
  servers,
})
/** Another configuration, most often with the same affinity. */
const pair = fc
  .tuple(design, design, fc.integer({ min: 0, max: 3 }), fc.nat())
  .map(([first, second, luck, network]) => ({
    first,
    second: luck === 0 ? second : { ...second, affinity: first.affinity, balance: first.balance },
    network,
  }))

function configOf({ affinity, balance, onLost, servers }: Design, port: number) {
  const tie = AFFINITIES[affinity]
  return {
    listeners: [{ address: '127.0.0.1', port: 8080 }],
    trustedProxies: ['127.0.0.1'],
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: {
      app: {
        balance: BALANCES[balance],
        ...(tie && { affinity: { ...tie, onLost } }),
        servers: servers.map((server) => ({ ...server, address: `127.0.0.1:${port}` })),
      },
    },
  }
}

function visitors(network: number): Visitor[] {
  return Array.from({ length: USERS }, (_, index) => {
    const mixed = Math.imul(network + index, 0x9e37_79b1) >>> 0
    const [high, low] = [mixed >>> 16, mixed & 0xffff]
    const address =
      index % 2 === 0 ? `10.${high >> 8}.${high & 255}.7` : `2001:db8:${high.toString(16)}::${low.toString(16)}`
    return new Visitor(address, `user ${index}`)
  })
}

/** A session before and after the change. */
interface Fate {
  readonly before: Visit
  readonly after: Visit
}

function outcomeOf({ after }: Fate): 'moved' | 'refused' | 'unserved' {
  if (after.server !== '') return 'moved'
  return after.reason?.startsWith('refused:') ? 'refused' : 'unserved'
}

const remembered = new Set(['cookie', 'cookie of another name', 'learn'])

/** Whether the session goes on where it was. */
function stays({ before, after }: Fate, { affinity }: Design): boolean {
  return after.server === before.server && (!remembered.has(affinity) || after.reason === 'stuck')
}

async function transition(site: Site, first: Design, second: Design, network: number, port: number) {
  const users = visitors(network)
  const befores: Visit[] = []
  for (const user of users) befores.push(await site.visit(user))
  const next = site.compile(configOf(second, port))
  const forecast = await plan({ ...site, current: site.snapshot, next, changes: [] })
  site.apply(next)
  const fates: Fate[] = []
  for (const [index, user] of users.entries()) fates.push({ before: befores[index]!, after: await site.visit(user) })
  const hasSession = ({ before }: Fate) => before.server !== '' && first.servers.length > 0
  return { forecast, fates: fates.filter(hasSession) }
}

function count<Item>(items: readonly Item[], keyOf: (item: Item) => string, amount = (_: Item) => 1) {
  const counts: Record<string, number> = {}
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + amount(item)
  return counts
}

function assertTrue(app: UpstreamPlan, fates: readonly Fate[], { affinity }: Design, second: Design): void {
  const isLost = app.moves.some(({ why }) => why === 'affinity-changed')
  const gone = fates.filter((fate) => isLost || !stays(fate, second))
  const { live, stay } = app.sessions
  assert.equal(live, fates.length)
  assert.equal(stay, fates.length - gone.length)
  // By the server that they leave, and what becomes of them.
  assert.deepEqual(
    count(
      app.moves,
      ({ from, outcome }) => `${from} ${outcome}`,
      ({ sessions }) => sessions,
    ),
    count(gone, (fate) => `${fate.before.server} ${outcomeOf(fate)}`),
  )
  if (!app.areTargetsExact) return
  const arrivals = count(
    fates.filter(({ after }) => after.server !== ''),
    ({ after }) => after.server,
  )
  assert.deepEqual(
    Object.fromEntries(app.servers.flatMap(({ name, afterwards }) => (afterwards === 0 ? [] : [[name, afterwards]]))),
    arrivals,
  )
  // A key of a session goes with it, so that even each pair of servers is exact.
  if (remembered.has(affinity) || isLost) return
  assert.deepEqual(
    count(
      app.moves,
      ({ from, to }) => `${from} ${to}`,
      ({ sessions }) => sessions,
    ),
    count(gone, ({ before, after }) => `${before.server} ${after.server || null}`),
  )
}

describe('the forecast', () => {
  test('is what happens when each session makes its next request', { timeout: 240_000 }, async (t) => {
    const port = await startApp(t)
    const seen: Record<string, number> = {}
    await fc.assert(
      fc.asyncProperty(pair, async ({ first, second, network }) => {
        const site = new Site(configOf(first, port))
        await site.listen()
        try {
          const { forecast, fates } = await transition(site, first, second, network, port)
          const [app] = forecast.upstreams
          const hasSessions = first.affinity !== 'none' || first.balance === 'ip-hash'
          assert.equal(app !== undefined, hasSessions && fates.length > 0)
          if (app === undefined) return
          // Only of sessions that another affinity finds by a key.
          if (!app.isExact) {
            assert.ok(app.moves.every(({ why }) => why === 'affinity-changed'))
            return
          }
          for (const { why, outcome } of app.moves) seen[`${why} ${outcome}`] = (seen[`${why} ${outcome}`] ?? 0) + 1
          if (app.areTargetsExact) seen.exact = (seen.exact ?? 0) + 1
          assertTrue(app, fates, first, second)
        } finally {
          site.close()
        }
      }),
      { numRuns: 80 },
    )
    t.diagnostic(JSON.stringify(seen))
    const expected = [
      'removed moved',
      'down moved',
      'hash moved',
      'affinity-changed moved',
      'removed refused',
      'drained moved',
      'exact',
    ]
    assert.deepEqual(
      expected.filter((kind) => seen[kind] === undefined),
      [],
    )
  })
})

test('the forecast of sessions whose ids name their servers is what happens, or says that it is not known', async (t) => {
  const port = await startApp(t)
  const lists = fc.tuple(servers, servers, fc.constantFrom('move', 'refuse'))
  const named = ['a', 'b', 'c', 'd', 'e', 'f', 'gone']
  let exact = 0
  await fc.assert(
    fc.asyncProperty(lists, async ([before, others, onLost]) => {
      // Some of the servers change, and some go: ids of those that come are not known.
      const next = before.flatMap((server) => {
        const other = others.find(({ name }) => name === server.name)
        if (other === undefined) return server
        return other.weight === 1 && before.length > 1 ? [] : { ...server, down: other.down, drain: other.drain }
      })
      if (next.length === 0) return
      const config = (list: Design['servers']) => {
        const { upstreams, ...rest } = configOf(
          { affinity: 'none', balance: 'round-robin', onLost, servers: list },
          port,
        )
        const affinity = { type: 'server-id', from: 'header:x-user', onLost }
        return { ...rest, upstreams: { app: { ...upstreams.app, affinity } } }
      }
      const site = new Site(config(before))
      await site.listen()
      try {
        const users = Array.from(
          { length: USERS },
          (_, n) => new Visitor(`10.0.0.${n}`, `${n}.${named[n % named.length]}`),
        )
        const places = new Map<Visitor, string>()
        for (const user of users) {
          const { server } = await site.visit(user)
          if (server !== '') places.set(user, server)
        }
        const compiled = site.compile(config(next))
        const [app] = (await plan({ ...site, current: site.snapshot, next: compiled, changes: [] })).upstreams
        assert.equal(app?.sessions.live ?? 0, places.size)
        if (app?.isExact !== true) return
        exact++
        site.apply(compiled)
        const moves: string[] = []
        for (const [user, place] of places) {
          const fate = { before: { server: place, status: 200, reason: undefined }, after: await site.visit(user) }
          if (fate.after.server !== place) moves.push(`${place} ${fate.after.server || null} ${outcomeOf(fate)}`)
        }
        assert.deepEqual(
          count(
            app.moves,
            ({ from, to, outcome }) => `${from} ${to} ${outcome}`,
            ({ sessions }) => sessions,
          ),
          count(moves, (move) => move),
        )
      } finally {
        site.close()
      }
    }),
    { numRuns: 60 },
  )
  assert.ok(exact > 0)
  t.diagnostic(`${exact} of 60 are exact`)
})

describe('a plan', () => {
  const servers = ['a', 'b', 'c'].map((name) => ({ name, weight: 1, down: false, drain: false }))
  const usual: Design = { affinity: 'cookie', balance: 'round-robin', onLost: 'move', servers }

  /** A site with sessions, the configuration that it has, and what would become of it. */
  async function populated(test: TestContext, design: Design) {
    const port = await startApp(test)
    const config = configOf(design, port)
    const site = new Site(config)
    await site.listen()
    test.after(() => site.close())
    for (const user of visitors(0)) await site.visit(user)
    const planned = (next: object) =>
      plan({ ...site, current: site.snapshot, next: site.compile(next), changes: ['a change'] })
    return { site, config, planned }
  }

  test('changes neither the Scoreboard nor the session table', async (t) => {
    const { site, config, planned } = await populated(t, { ...usual, balance: 'least-connections' })
    const copies = [site.scoreboard.memory, site.sessions.memory].map((memory) => Buffer.from(Buffer.from(memory)))
    await planned({
      ...config,
      upstreams: { app: { ...config.upstreams.app, servers: [config.upstreams.app.servers[0]!] } },
    })
    assert.ok(copies[0]!.equals(Buffer.from(site.scoreboard.memory)))
    assert.ok(copies[1]!.equals(Buffer.from(site.sessions.memory)))
  })

  test('of the same configuration moves nobody', async (t) => {
    const { config, planned } = await populated(t, usual)
    const { sessions, changes, upstreams } = await planned(config)
    assert.deepEqual(sessions, { live: USERS, stay: USERS, move: 0, refused: 0, unserved: 0 })
    assert.deepEqual(changes, ['a change'])
    assert.deepEqual(upstreams[0]!.moves, [])
  })

  test('looks beyond a pause', async (t) => {
    const { site, config } = await populated(t, usual)
    const { app } = config.upstreams
    const compiled = site.compile({ ...config, upstreams: { app: { ...app, servers: app.servers.slice(1) } } })
    const pause = { until: Date.now() + 60_000 }
    const next = { ...compiled, upstreams: compiled.upstreams.map((upstream) => ({ ...upstream, pause })) }
    const { sessions } = await plan({ ...site, current: site.snapshot, next, changes: [] })
    assert.deepEqual([sessions.live, sessions.unserved], [USERS, 0])
    assert.ok(sessions.move > 0 && sessions.stay > 0)
  })

  test('names an upstream that goes, and one to which no route leads any more', async (t) => {
    const { config, planned } = await populated(t, usual)
    const other = { servers: ['127.0.0.1:9'] }
    const causeOf = async (next: object) =>
      (await planned(next)).upstreams[0]!.moves.map(({ why, to }) => `${why} ${to}`)
    const routes = [{ path: '/*', upstream: 'other' }]
    const three = (what: string) => [what, what, what]
    assert.deepEqual(await causeOf({ ...config, routes, upstreams: { other } }), three('upstream-removed null'))
    assert.deepEqual(
      await causeOf({ ...config, routes, upstreams: { ...config.upstreams, other } }),
      three('no-route null'),
    )
  })

  test('knows upstreams to which only a split leads, and routes that lead to none', async (t) => {
    const { config, planned } = await populated(t, usual)
    const other = { servers: ['127.0.0.1:9'] }
    const filters = (share: string) => [{ split: { to: { app: share } } }]
    const { sessions, upstreams } = await planned({
      ...config,
      routes: [
        { path: '/*', upstream: 'other', filters: filters('5%') },
        { path: '/old', filters: [{ redirect: { to: '/' } }] },
      ],
      upstreams: { ...config.upstreams, other },
    })
    assert.deepEqual(sessions, { live: USERS, stay: USERS, move: 0, refused: 0, unserved: 0 })
    assert.deepEqual(upstreams[0]!.moves, [])
  })

  test('says which users a split sends elsewhere, and that none go back', async (t) => {
    const { site, config } = await populated(t, usual)
    const canary = { servers: ['127.0.0.1:9'] }
    const split = (to: object, more: object = {}) =>
      site.compile({
        ...config,
        routes: [{ path: '/*', upstream: 'app', filters: [{ split: { to, ...more } }] }],
        upstreams: { ...config.upstreams, canary },
      })
    const movesOf = async (current: Snapshot, next: Snapshot) =>
      (await plan({ ...site, current, next, changes: [] })).splits.map(
        ({ from, to, share, sessions }) => `${from} → ${to}: ${share.toFixed(3)}, ${sessions}`,
      )
    assert.deepEqual(await movesOf(site.snapshot, split({ canary: '25%' })), ['app → canary: 0.250, 10'])
    assert.deepEqual(await movesOf(split({ canary: '25%' }), split({ canary: '50%' })), ['app → canary: 0.333, 13'])
    assert.deepEqual(await movesOf(split({ canary: '50%' }), split({ canary: '25%' })), ['canary → app: 0.500, 0'])
    const kept = split({ canary: '50%' }, { only: 'new' })
    assert.deepEqual(await movesOf(split({ canary: '25%' }), kept), ['app → canary: 0.333, 0'])
    const ofRequests = split({ canary: '50%' }, { by: 'request' })
    for (const next of [site.snapshot, ofRequests]) assert.deepEqual(await movesOf(ofRequests, next), [])
    assert.deepEqual(await movesOf(split({ canary: '50%' }), split({ canary: '25%' }, { by: 'user' })), [])
  })

  test('keeps sessions by a secret as long as it is listed, and loses them with it', async (t) => {
    const port = await startApp(t)
    const [old, young] = ['an old secret of thirty-two characters', 'a new secret of thirty-two characters']
    const withSecrets = (...secrets: string[]) => {
      const config = configOf(usual, port)
      return { ...config, upstreams: { app: { ...config.upstreams.app, affinity: { type: 'cookie', secrets } } } }
    }
    const site = new Site(withSecrets(old))
    await site.listen()
    t.after(() => site.close())
    for (const user of visitors(0)) await site.visit(user)
    const planned = (next: object) => plan({ ...site, current: site.snapshot, next: site.compile(next), changes: [] })
    assert.equal((await planned(withSecrets(young, old))).sessions.stay, USERS)
    const lost = await planned(withSecrets(young))
    assert.equal(lost.sessions.move, USERS)
    assert.deepEqual(new Set(lost.upstreams[0]!.moves.map(({ why }) => why)), new Set(['affinity-changed']))
  })

  test('says what it does not know: who is in flight, and who is back by then', async (t) => {
    const { site, config, planned } = await populated(t, { ...usual, balance: 'least-connections' })
    const { app } = config.upstreams
    const without = { ...config, upstreams: { app: { ...app, servers: app.servers.slice(1) } } }
    const [gone] = (await planned(without)).upstreams
    assert.equal(gone!.isExact, true)
    assert.equal(gone!.areTargetsExact, false)
    assert.deepEqual(gone!.because, ['least-connections goes by the requests in flight at that time'])
    site.scoreboard.servers.setHealth(site.snapshot.upstreams[0]!.servers[2]!.slot, HealthBit.Unhealthy)
    const [ill] = (await planned(config)).upstreams
    assert.equal(ill!.isExact, false)
    assert.deepEqual(ill!.because[0], 'server c is unhealthy now, and may be back by then')
    assert.deepEqual(new Set(ill!.moves.map(({ from, why }) => `${from} ${why}`)), new Set(['c unhealthy']))
  })
})

test('the sessions of a server that goes away stay its own', async (t) => {
  const current = await snapshotOf(t, {
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { affinity: { type: 'learn', from: 'cookie:sid' }, servers: ['10.0.0.1:80', '10.0.0.2:80'] } },
  })
  const sessions = new SessionTable()
  for (let id = 1; id <= 10; id++) sessions.put(id, id, id % 2, wallSeconds())
  const [app] = current.upstreams
  const [first, second] = app!.servers
  const scene = { current, scoreboard: new Scoreboard(), sessions, changes: [] }
  const movesIf = async (change: object) => {
    const servers = [{ ...first!, ...change }, second!]
    return (await plan({ ...scene, next: { ...current, upstreams: [{ ...app!, servers }] } })).sessions
  }
  assert.deepEqual(await movesIf({ away: true }), { live: 10, stay: 10, move: 0, refused: 0, unserved: 0 })
  assert.equal((await movesIf({ down: true })).move, 5)
})
