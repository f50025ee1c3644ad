/** How the drain of a server goes on, and when it ends: on a clock that the test moves. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { DrainView } from '../../src/control/drains/drain.ts'
import { type DrainEvent, Drains } from '../../src/control/drains/drains.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { Upstream } from '../../src/runtime/snapshot.ts'

const START = 1_800_000_000_000
const SLOTS: Readonly<Record<string, number>> = { 'web-1': 0, 'web-2': 1, 'web-3': 7 }
const IDLE = 60
const MINUTES = 60_000
// biome-ignore lint/suspicious/noThenProperty: it is data, and nothing awaits it
const SETTINGS = { deadline: 10 * MINUTES, then: 'move', spread: 30_000 } as const

/** Three servers of the upstream `app`, with a session table, and traffic that the test sets. */
class App {
  now = START
  readonly sessions = new SessionTable()
  readonly servers = new Set(Object.keys(SLOTS))
  readonly traffic = new Map<number, { exchanges: number; tunnels: number }>()
  readonly cuts: unknown[] = []
  readonly events: DrainEvent[] = []
  readonly drains: Drains

  constructor(t: TestContext) {
    const servers = Object.values(SLOTS).map((slot) => ({ slot }))
    this.sessions.apply([{ affinity: { idle: IDLE * 1000 }, servers } as unknown as Upstream])
    this.drains = new Drains({
      sessions: this.sessions,
      now: () => this.now,
      server: (_upstream, server) => (this.servers.has(server) ? { slot: SLOTS[server]!, idle: IDLE } : undefined),
      traffic: (slot) => this.traffic.get(slot) ?? { exchanges: 0, tunnels: 0 },
      cut: (...cut) => this.cuts.push(cut),
    })
    this.drains.listen((event) => this.events.push(event))
    t.after(() => this.drains.close())
  }

  get seconds(): number {
    return Math.floor(this.now / 1000)
  }

  start(server: string, settings: Partial<Parameters<Drains['start']>[2]> = {}, startedAt?: number): DrainView {
    return this.drains.start('app', server, { ...SETTINGS, ...settings }, startedAt)
  }

  visit(user: number, server: string): void {
    this.sessions.put(user, 1, SLOTS[server]!, this.seconds)
  }

  /** Lets that many s pass, with a look at each of them. */
  async pass(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      this.now += 1000
      await this.drains.look()
    }
  }

  view(server: string): DrainView {
    return this.drains.view('app', server)!
  }

  /** The events without their views. */
  get news(): unknown[] {
    return this.events.map(({ drain, ...event }) => ({ ...event, server: drain.server }))
  }
}

describe('a drain', () => {
  test('ends empty one idle limit after the last request, and at once where nobody is', async (t) => {
    const app = new App(t)
    app.visit(1, 'web-1')
    app.visit(2, 'web-1')
    app.start('web-1')
    app.start('web-3')
    await app.pass(20)
    app.visit(2, 'web-1')
    await app.pass(IDLE)
    assert.equal(app.view('web-1').state, 'draining')
    assert.equal(app.view('web-1').sessions, 1)
    await app.pass(1)
    assert.equal(app.view('web-1').state, 'empty')
    assert.equal(app.view('web-1').tookMs, 81_000)
    assert.deepEqual(app.news, [
      { type: 'started', server: 'web-1' },
      { type: 'started', server: 'web-3' },
      { type: 'progress', server: 'web-1' },
      { type: 'progress', server: 'web-3' },
      { type: 'ended', server: 'web-3', how: 'empty', moved: 0, ms: 1000 },
      { type: 'progress', server: 'web-1' },
      { type: 'progress', server: 'web-1' },
      { type: 'ended', server: 'web-1', how: 'empty', moved: 0, ms: 81_000 },
    ])
  })

  test('ends when the application ends the last session', async (t) => {
    const app = new App(t)
    app.visit(1, 'web-1')
    app.start('web-1')
    await app.pass(5)
    app.sessions.remove(1, 1, app.seconds)
    await app.pass(1)
    assert.equal(app.view('web-1').state, 'empty')
  })

  test('waits for exchanges in flight without a session, and for sessions of WebSockets however long they are silent', async (t) => {
    const app = new App(t)
    const visit = app.sessions.enter(1, 1, SLOTS['web-1']!, app.seconds)
    app.traffic.set(SLOTS['web-1']!, { exchanges: 2, tunnels: 1 })
    app.traffic.set(SLOTS['web-2']!, { exchanges: 1, tunnels: 0 })
    app.start('web-1')
    app.start('web-2')
    await app.pass(IDLE + 10)
    assert.equal(app.view('web-2').state, 'draining')
    const { sessions, active, inFlight, tunnels, state } = app.view('web-1')
    assert.deepEqual(
      { sessions, active, inFlight, tunnels, state },
      {
        sessions: 1,
        active: 1,
        inFlight: 1,
        tunnels: 1,
        state: 'draining',
      },
    )
    app.sessions.leave(visit, 1, 1, app.seconds)
    app.traffic.clear()
    await app.pass(1)
    assert.equal(app.view('web-2').state, 'empty')
    assert.equal(app.view('web-1').sessions, 1)
    await app.pass(IDLE)
    assert.equal(app.view('web-1').state, 'empty')
  })

  test('is cut once, even if it is ordered again in the same words, and goes on with another deadline', async (t) => {
    const app = new App(t)
    app.visit(1, 'web-1')
    app.start('web-1', { deadline: 10_000 })
    await app.pass(11)
    app.start('web-1', { deadline: 10_000 })
    await app.pass(1)
    assert.equal(app.cuts.length, 1)
    assert.equal(app.view('web-1').state, 'cut')
    assert.equal(app.start('web-1', { deadline: 20_000 }).state, 'draining')
    await app.pass(9)
    assert.equal(app.cuts.length, 2)
  })

  test('is cut once at its deadline, and reports when the server is empty after that', async (t) => {
    const app = new App(t)
    app.visit(1, 'web-1')
    app.visit(2, 'web-1')
    // biome-ignore lint/suspicious/noThenProperty: as above
    app.start('web-1', { deadline: 10_000, then: 'refuse', spread: 5000 })
    await app.pass(9)
    assert.deepEqual(app.cuts, [])
    await app.pass(3)
    assert.deepEqual(app.cuts, [['app', 'web-1', 'refuse', 5000]])
    assert.equal(app.view('web-1').state, 'cut')
    assert.equal(app.view('web-1').moved, 2)
    app.sessions.remove(1, 1, app.seconds)
    await app.pass(1)
    app.visit(2, 'web-2')
    await app.pass(1)
    assert.equal(app.view('web-1').state, 'cut')
    assert.ok(app.view('web-1').isEmpty)
    assert.equal(app.view('web-1').tookMs, 10_000)
    assert.deepEqual(app.news, [
      { type: 'started', server: 'web-1' },
      { type: 'progress', server: 'web-1' },
      { type: 'ended', server: 'web-1', how: 'cut', moved: 2, ms: 10_000 },
      { type: 'progress', server: 'web-1' },
      { type: 'progress', server: 'web-1' },
      { type: 'emptied', server: 'web-1', ms: 14_000 },
    ])
    await app.pass(60)
    assert.equal(app.events.length, 6)
    assert.equal(app.cuts.length, 1)
  })

  test('with then: keep only stops waiting at its deadline', async (t) => {
    const app = new App(t)
    app.visit(1, 'web-1')
    // biome-ignore lint/suspicious/noThenProperty: as above
    app.start('web-1', { deadline: 10_000, then: 'keep' })
    await app.pass(11)
    assert.deepEqual(app.cuts, [])
    assert.equal(app.view('web-1').state, 'cut')
    assert.deepEqual(app.news.at(-1), { type: 'ended', server: 'web-1', how: 'cut', moved: 0, ms: 10_000 })
    await app.pass(IDLE)
    assert.deepEqual(app.news.at(-1), { type: 'emptied', server: 'web-1', ms: 61_000 })
  })

  test('without a deadline waits for as long as it takes', async (t) => {
    const app = new App(t)
    app.visit(1, 'web-1')
    app.start('web-1', { deadline: 0 })
    app.now += 365 * 24 * 60 * MINUTES
    app.visit(1, 'web-1')
    await app.pass(IDLE)
    assert.deepEqual(app.cuts, [])
    assert.equal(app.view('web-1').deadlineAt, undefined)
    assert.equal(app.view('web-1').state, 'draining')
    await app.pass(1)
    assert.equal(app.view('web-1').state, 'empty')
  })

  test('that an earlier run began keeps its start and its deadline', async (t) => {
    const app = new App(t)
    app.visit(1, 'web-1')
    app.start('web-1', { deadline: 10 * MINUTES }, START - 10 * MINUTES + 5000)
    assert.equal(app.view('web-1').deadlineAt, START + 5000)
    await app.pass(5)
    assert.equal(app.view('web-1').tookMs, 10 * MINUTES)
    assert.equal(app.cuts.length, 1)
  })

  test('may get another deadline, also after it was cut', async (t) => {
    const app = new App(t)
    app.visit(1, 'web-1')
    app.start('web-1', { deadline: 10_000 })
    await app.pass(5)
    app.start('web-1', { deadline: 20_000 })
    await app.pass(10)
    assert.equal(app.cuts.length, 0)
    await app.pass(5)
    assert.equal(app.cuts.length, 1)
    app.start('web-1', { deadline: 30_000 })
    assert.equal(app.view('web-1').state, 'draining')
    assert.equal(app.view('web-1').startedAt, START)
    await app.pass(10)
    assert.equal(app.cuts.length, 2)
    assert.equal(app.events.filter(({ type }) => type === 'started').length, 1)
  })

  test('that was cut stays so when it is started again as it was', async (t) => {
    const app = new App(t)
    app.visit(1, 'web-1')
    for (let again = 0; again < 3; again++) {
      app.start('web-1', { deadline: 10_000 })
      await app.pass(11)
      assert.equal(app.view('web-1').state, 'cut')
    }
    assert.equal(app.cuts.length, 1)
  })

  test('is over when the server is made ready again or is removed', async (t) => {
    const app = new App(t)
    app.visit(1, 'web-1')
    app.visit(2, 'web-2')
    app.start('web-1', { deadline: 5000 })
    app.start('web-2', { deadline: 5000 })
    app.drains.stop('app', 'web-1')
    app.drains.stop('app', 'web-1')
    app.servers.delete('web-2')
    await app.pass(20)
    assert.deepEqual(app.drains.views(), [])
    assert.deepEqual(app.cuts, [])
    assert.deepEqual(
      app.events.slice(2).map(({ type, drain }) => [type, drain.server]),
      [
        ['stopped', 'web-1'],
        ['stopped', 'web-2'],
      ],
    )
  })

  test('is reported when its numbers change, and no more often than it is looked at', async (t) => {
    const app = new App(t)
    for (let user = 1; user <= 100; user++) app.visit(user, 'web-1')
    app.start('web-1')
    await app.pass(10)
    assert.equal(app.events.length, 2)
    for (let user = 1; user <= 50; user++) app.sessions.remove(user, 1, app.seconds)
    await app.pass(10)
    assert.deepEqual(
      app.events.map(({ type, drain }) => [type, drain.sessions]),
      [
        ['started', 0],
        ['progress', 100],
        ['progress', 50],
      ],
    )
  })

  test('is looked at each second, until it is over', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const app = new App(t)
    app.visit(1, 'web-1')
    app.start('web-1')
    const second = async () => {
      app.now += 1000
      t.mock.timers.tick(1000)
      await app.drains.look()
      // The timer's own look is done, and it is set again.
      await new Promise(setImmediate)
    }
    for (let i = 0; i < IDLE; i++) await second()
    assert.equal(app.view('web-1').state, 'draining')
    app.now += 1000
    const ended = new Promise<DrainEvent>((resolve) => {
      app.drains.listen((event) => event.type === 'ended' && resolve(event))
    })
    t.mock.timers.tick(1000)
    assert.equal((await ended).drain.tookMs, (IDLE + 1) * 1000)
  })

  test('predicts its end no later than its deadline, unless the deadline leaves the sessions where they are', async (t) => {
    const app = new App(t)
    app.visit(1, 'web-1')
    app.visit(2, 'web-2')
    app.start('web-1', { deadline: 30_000 })
    // biome-ignore lint/suspicious/noThenProperty: as above
    app.start('web-2', { deadline: 30_000, then: 'keep' })
    await app.pass(5)
    assert.equal(app.view('web-1').predicted?.at, START + 30_000)
    assert.equal(app.view('web-2').predicted?.at, START + IDLE * 1000)
    await app.pass(26)
    assert.equal(app.view('web-1').predicted, undefined)
  })
})
