/**
 * Configurations that follow one another while requests are in flight: nothing is lost, and what does not change goes on.
 * The model (applied/model.ts) says what may become of each request.
 */
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { type TestContext, test } from 'node:test'
import '../support/seeded-random.ts'
import { temporaryFolder } from '../support/folder.ts'
import { seed } from '../support/seed.ts'
import { Caller, Client, CookieUser, Crowd, LearntUser } from './applied/crowd.ts'
import { serversOf, Timeline } from './applied/model.ts'
import { Apps } from './applied/origins.ts'
import { Configurations, type Plan, Planner } from './applied/plan.ts'
import { WatchedBalancer } from './applied/watched-balancer.ts'

const ROUNDS = 6
const APPLIES = 8

function planned(): Plan[] {
  const planner = new Planner(Math.random)
  const plans = [planner.first]
  for (let apply = 0; apply < ROUNDS * APPLIES; apply++) plans.push(planner.after(plans.at(-1)!))
  return plans
}

test(`random configurations, one after the other, under load (seed ${seed})`, async (t) => {
  const scene = await Scene.start(t, planned())
  for (let round = 0; round < ROUNDS; round++) {
    await scene.crowd.during(scene.clients, () => scene.applySome())
    await scene.settle()
    await scene.check()
  }
  await scene.checkLog()
})

/** Plans, the balancer that they are applied to, its servers and its clients. */
class Scene {
  readonly timeline: Timeline
  readonly crowd: Crowd
  readonly still: Client
  readonly #weak: Client
  readonly #plain: readonly Client[]
  readonly #cookieUsers: readonly CookieUser[]
  readonly #learntUsers: readonly LearntUser[]
  readonly #callers: readonly Caller[]
  readonly #folder: string
  readonly #configurations: Configurations
  readonly #plans: Plan[]
  readonly #apps: Apps
  readonly #watched: WatchedBalancer
  readonly #news: EventEmitter
  /** Requests of each server by the last check: as the servers and as the balancer counted them. */
  readonly #counted = new Map<string, readonly [number, number]>()
  #checkedAt = 0
  /** The slot of each name, while it was there last. */
  readonly #slots = new Map<string, number>()
  /** By slot: the names that it had. */
  readonly #owners = new Map<number, Set<string>>()

  static async start(t: TestContext, plans: Plan[]): Promise<Scene> {
    const folder = await temporaryFolder(t)
    const news = new EventEmitter().setMaxListeners(0)
    const names = plans.flatMap(({ upstreams }) => upstreams.flatMap(({ servers }) => servers.map(({ name }) => name)))
    const apps = await Apps.start(t, names, news)
    const configurations = new Configurations(folder, (server) => apps.addressOf(server))
    const timeline = new Timeline()
    timeline.end(timeline.begin(plans.shift()!))
    const watched = await WatchedBalancer.start(t, configurations.of(timeline.current))
    await apps.named('weak-1').places[0].origin.kill()
    return new Scene(t, folder, configurations, plans, apps, timeline, watched, news)
  }

  private constructor(
    t: TestContext,
    folder: string,
    configurations: Configurations,
    plans: Plan[],
    apps: Apps,
    timeline: Timeline,
    watched: WatchedBalancer,
    news: EventEmitter,
  ) {
    this.#folder = folder
    this.#configurations = configurations
    this.#plans = plans
    this.#apps = apps
    this.timeline = timeline
    this.#watched = watched
    this.#news = news
    this.crowd = new Crowd(timeline, watched.port, news)
    const some = <Kind>(count: number, make: () => Kind) => Array.from({ length: count }, make)
    this.still = new Client(t, this.crowd, 'still')
    this.#weak = new Client(t, this.crowd, 'weak')
    this.#plain = [
      ...some(3, () => new Client(t, this.crowd, 'pages')),
      ...some(3, () => new Client(t, this.crowd, 'till')),
      ...some(2, () => new Client(t, this.crowd, 'live', 'stream')),
    ]
    this.#cookieUsers = [
      ...some(8, () => new CookieUser(t, this.crowd, 'shop')),
      ...some(4, () => new CookieUser(t, this.crowd, 'desk')),
    ]
    this.#learntUsers = some(8, () => new LearntUser(t, this.crowd, 'forum'))
    this.#callers = some(2, () => new Caller(t, this.crowd, 'live'))
  }

  get clients() {
    return [this.still, this.#weak, ...this.#plain, ...this.#cookieUsers, ...this.#learntUsers, ...this.#callers]
  }

  /** Every third configuration is handed over without waiting for the one before. */
  async applySome(): Promise<void> {
    let handedOver: Promise<void>[] = []
    for (let count = 0; count < APPLIES; count++) {
      const plan = this.#plans.shift()!
      handedOver.push(this.#apply(plan))
      if (count % 3 === 0) continue
      await Promise.all(handedOver)
      handedOver = []
      await this.crowd.answers(this.clients.length)
    }
    await Promise.all(handedOver)
  }

  async #apply(plan: Plan): Promise<void> {
    const index = this.timeline.begin(plan)
    await this.#watched.balancer.apply(this.#configurations.of(plan))
    this.timeline.end(index)
    this.#checkSlots()
    this.#news.emit('news')
  }

  /** No two names have the same slot, and while something is in flight on a server, its slot is neither zeroed nor another's. */
  #checkSlots(): void {
    const owners = new Map<number, string>()
    for (const { name } of this.timeline.current.upstreams) {
      for (const [server, slot] of this.#watched.slotsOf(name)) {
        assert.ok(!owners.has(slot), `${server} and ${owners.get(slot)} share a slot`)
        owners.set(slot, server)
        this.#slots.set(server, slot)
        this.#owners.set(slot, (this.#owners.get(slot) ?? new Set()).add(server))
      }
    }
    for (const { name, lasting } of this.#apps.all) {
      if (lasting === 0) continue
      const slot = this.#slots.get(name)!
      const owner = owners.get(slot)
      assert.ok(owner === undefined || owner === name, `${owner} has the slot of ${name}`)
      assert.ok(this.#watched.scoreboard.servers.requests(slot) >= lasting, `the slot of ${name} is zeroed`)
    }
  }

  /** Every user asks once, all by the same configuration. */
  async settle(): Promise<void> {
    await Promise.all([...this.#cookieUsers, ...this.#learntUsers].map((user) => user.ask()))
  }

  async check(): Promise<void> {
    const { upstreams } = this.timeline.current
    for (const { name, servers } of upstreams) {
      if (servers.length === 0) continue
      const slots = this.#watched.slotsOf(name)
      await this.#watched.quiet(slots.values())
      const views = await this.#watched.servers(name)
      for (const view of views) {
        this.#checkRequests(name, view.name, view.requests)
        assert.equal(view.inFlight, 0)
        if (view.name !== 'weak-1')
          assert.deepEqual([view.failures, view.state.health === 'down'], [0, false], view.name)
        if (view.sessions === null) continue
        assert.equal(view.sessions.active, 0)
        this.#checkSessions(name, view.name, view.sessions.live)
      }
      for (const server of servers) await this.#checkConnections(name, server.name, server.place)
    }
    this.#checkStill()
    await this.#checkWeak()
    await this.#checkGone()
    this.#checkedAt = this.timeline.done
  }

  /** Counters go on for as long as the name is there, and begin at zero for one that never was. */
  #checkRequests(upstream: string, name: string, requests: number): void {
    const app = this.#apps.named(name)
    if (name === 'weak-1') return
    const isKept = this.timeline.hasKept(upstream, name, this.#checkedAt)
    const first = this.timeline.plans.findIndex((plan) => serversOf(plan, upstream).some((each) => each.name === name))
    const isAtFirst = this.timeline.hasKept(upstream, name, first)
    const [served, counted] = this.#counted.get(name) ?? [0, 0]
    if (isAtFirst) assert.equal(requests, app.requests, name)
    else if (isKept) assert.equal(requests - counted, app.requests - served, name)
    else assert.ok(requests <= app.requests, name)
    this.#counted.set(name, [app.requests, requests])
  }

  #checkSessions(upstream: string, name: string, live: number): void {
    const [least, most] = upstream === 'forum' ? this.#learntOn(name) : this.#cookiesOn(upstream, name)
    assert.ok(least <= live && live <= most, `${live} sessions on ${name}, not ${least} to ${most}`)
  }

  #cookiesOn(upstream: string, name: string): [least: number, most: number] {
    const users = this.#cookieUsers.filter((user) => user.upstream === upstream)
    const theirs = users.filter(({ home }) => home === name)
    const served = theirs.filter(({ history }) => history.at(-1) === name)
    const forgotten = users.flatMap((user) => user.forgotten).filter((home) => home === name)
    return [served.length, theirs.length + forgotten.length]
  }

  #learntOn(name: string): [least: number, most: number] {
    const certain = this.#learntUsers.filter((user) => user.home === name && user.isCertain)
    const ids = this.#learntUsers.flatMap(({ places }) => [...places.values()]).filter((place) => place === name)
    return [certain.length, ids.length]
  }

  /** One connection to each server serves all requests of a client, whatever else changes; none leads where it was before. */
  async #checkConnections(upstream: string, name: string, place: 0 | 1): Promise<void> {
    const { places } = this.#apps.named(name)
    if (upstream === 'still') assert.equal(places[0].accepted, 1, name)
    await places[place === 0 ? 1 : 0].deserted()
  }

  /** Round robin goes on where it was. */
  #checkStill(): void {
    const { history } = this.still
    for (const [index, server] of history.entries()) {
      if (index >= 3) assert.equal(server, history[index - 3], history.slice(0, index + 1).join(' '))
    }
  }

  /** It failed one request, and has not been asked since. */
  async #checkWeak(): Promise<void> {
    const dead = (await this.#watched.servers('weak')).find(({ name }) => name === 'weak-1')!
    assert.deepEqual([dead.requests, dead.failures, dead.state.health], [1, 1, 'down'])
  }

  /** Nothing leads to servers that are gone. */
  async #checkGone(): Promise<void> {
    const present = new Set(this.timeline.current.upstreams.flatMap(({ servers }) => servers.map(({ name }) => name)))
    for (const { name, places } of this.#apps.all) {
      if (!present.has(name)) for (const place of places) await place.deserted()
    }
  }

  async checkLog(): Promise<void> {
    const lines = await this.#watched.accessLog(`${this.#folder}/access.log`)
    const byNumber = new Map(lines.map((line) => [Number(/^n=(\d+)$/.exec(line.query!)![1]), line]))
    assert.equal(lines.length, this.crowd.answered.length)
    assert.equal(byNumber.size, lines.length)
    const wrong = this.crowd.answered.flatMap(({ number, by, allowed }) => {
      const { reason = '-', ...line } = byNumber.get(number)!
      const outcome = `${by} ${reason}`
      return (allowed as string[]).includes(outcome) || reason === 'retry' ? [] : [{ ...line, outcome, allowed }]
    })
    assert.deepEqual(wrong.slice(0, 5), [])
    const retried = lines.filter(({ upstreamStatus }) => upstreamStatus.length > 1)
    assert.deepEqual(
      retried.map(({ server, upstreamStatus, reason }) => [server[0], upstreamStatus, reason]),
      [['weak-1', [502, 200], 'retry']],
    )
    for (const app of this.#apps.all) if (app.name.startsWith('desk')) assert.ok(app.mostInFlight <= 2, app.name)
    const events = this.#watched.trouble.filter((line) => !line.includes('affinity has no secrets'))
    assert.equal(events.length, 1, events.join('\n'))
    assert.match(events[0]!, /^upstream weak: server weak-1 is suspended/)
    const shared = [...this.#owners.values()].filter((names) => names.size > 1)
    assert.ok(shared.length > 0, 'no slot has changed hands')
  }
}
