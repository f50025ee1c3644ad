/**
 * Random lists of upstreams, applied between checks, answers and failures, against a simple model of what health is then.
 * Slots are given to others as soon as they are free.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HealthBit } from '../../src/runtime/health-bit.ts'
import type { Check, Health, Outlier } from '../../src/runtime/health-settings.ts'
import type { Server, Upstream } from '../../src/runtime/snapshot.ts'
import fc from '../support/property.ts'
import { check, lettersOf, Monitored, outlier, upstream } from './monitored.ts'

const UPSTREAMS = ['app', 'web']
const NAMES = ['a', 'b', 'c', 'd']
/** A server is at one of two addresses. */
const PLACES = 2

const CHECKS: readonly (Check | undefined)[] = [
  undefined,
  check,
  { ...check, rise: 1, fall: 1 },
  { ...check, initial: 'down' },
  { ...check, initial: 'unknown', rise: 3, fall: 2 },
]
/** Rates are not compared, and an interval never ends: what an interval does has tests of its own. */
const byRow: Outlier = { ...outlier, errorRate: 0, interval: 3_600_000 }
const OUTLIERS: readonly (Outlier | undefined)[] = [
  undefined,
  { ...byRow, ejectFor: 700, maxEjectFor: 2000, maxEjected: 100 },
  { ...byRow, ejectFor: 4000, maxEjectFor: 10_000 },
  { ...byRow, maxEjected: 0 },
]
const THRESHOLDS = [0, 50, 100]

/** What the operator wants of a server. */
interface ServerPlan {
  readonly place: number
  readonly down: boolean
  readonly drain: boolean
  readonly backup: boolean
}

/** What the operator wants of an upstream. */
interface Plan {
  readonly check: Check | undefined
  readonly outlier: Outlier | undefined
  readonly panicThreshold: number
  readonly servers: ReadonlyMap<string, ServerPlan>
}

function portOf(upstream: string, server: string, place: number): number {
  return 1 + place + PLACES * (NAMES.indexOf(server) + NAMES.length * UPSTREAMS.indexOf(upstream))
}

/** Gives names their slots, the lowest free ones, as long as they last. */
class Slots {
  readonly #names: (string | undefined)[] = []

  of(name: string): number {
    const known = this.#names.indexOf(name)
    if (known >= 0) return known
    const free = this.#names.indexOf(undefined)
    const slot = free >= 0 ? free : this.#names.length
    this.#names[slot] = name
    return slot
  }

  /** Frees those of all other names; returns which these were. */
  keep(names: ReadonlySet<string>): number[] {
    return this.#names.flatMap((name, slot) => {
      if (name === undefined || names.has(name)) return []
      this.#names[slot] = undefined
      return slot
    })
  }
}

/** What is to be known of a server. */
class ModelServer {
  plan: ServerPlan
  check: Check | undefined
  isUnhealthy = false
  isSuspended = false
  /** Until when it is ejected. */
  ejectedUntil: number | undefined
  ejections = 0
  causes = new Map<HealthBit, string>()
  /** Until its first check, of one that decides whether it may serve. */
  isUnknown = false
  /** How many more checks that contradict what it is change that. */
  #needed = 1
  #last: boolean | undefined
  #inRow = 0

  constructor(plan: ServerPlan, check: Check | undefined) {
    this.plan = plan
    this.check = check
    this.beginCheck(check)
  }

  beginCheck(check: Check | undefined): void {
    this.check = check
    this.isUnknown = !this.plan.down && check !== undefined && check.initial !== 'up'
    this.isUnhealthy = this.isUnknown
    this.causes.delete(HealthBit.Unhealthy)
    this.#needed = 1
    this.#last = undefined
    this.#inRow = 0
  }

  get isWell(): boolean {
    return !this.plan.down && !this.isUnhealthy && !this.isSuspended && this.ejectedUntil === undefined
  }

  get isPrimary(): boolean {
    return !this.plan.down && !this.plan.drain && !this.plan.backup
  }

  /** Returns whether anything has changed. */
  checked(passed: boolean): boolean {
    this.#inRow = this.#last === passed ? this.#inRow + 1 : 1
    this.#last = passed
    const { rise, fall } = this.check!
    const agrees = passed !== this.isUnhealthy
    this.#needed = agrees ? (passed ? fall : rise) : this.#needed - 1
    const wasUnknown = this.isUnknown
    this.isUnknown = false
    if (this.#needed > 0 && !wasUnknown) return false
    if (this.#needed === 0) this.#needed = passed ? fall : rise
    this.isUnhealthy = !passed
    if (passed) this.isSuspended = false
    else this.causes.set(HealthBit.Unhealthy, this.#inRow === 1 ? 'ill' : `ill, ${this.#inRow} times in a row`)
    return true
  }
}

/** What is to be known of an upstream. */
class ModelUpstream {
  servers = new Map<string, ModelServer>()
  plan: Plan
  isPanic = false

  constructor(plan: Plan) {
    this.plan = plan
    for (const [name, server] of plan.servers) this.servers.set(name, new ModelServer(server, plan.check))
  }

  apply(plan: Plan): void {
    const before = this.servers
    this.servers = new Map()
    for (const [name, next] of plan.servers) {
      const server = before.get(name)
      if (server?.plan.place !== next.place || server.plan.down !== next.down) {
        this.servers.set(name, new ModelServer(next, plan.check))
        continue
      }
      server.plan = next
      if (server.check !== plan.check) server.beginCheck(plan.check)
      if (plan.outlier === undefined) server.ejectedUntil = undefined
      if (plan.outlier === undefined) server.ejections = 0
      this.servers.set(name, server)
    }
    this.plan = plan
    this.judge()
  }

  erring(name: string, now: number): void {
    const { outlier } = this.plan
    const server = this.servers.get(name)
    if (outlier === undefined || !server?.isWell) return
    const enabled = [...this.servers.values()].filter(({ plan }) => !plan.down)
    const ejected = enabled.filter(({ ejectedUntil }) => ejectedUntil !== undefined).length
    const most = outlier.maxEjected === 0 ? 0 : Math.max(1, Math.floor((enabled.length * outlier.maxEjected) / 100))
    if (ejected >= most || !enabled.some((other) => other !== server && other.isWell && !other.plan.drain)) return
    if (server.ejections * outlier.ejectFor < outlier.maxEjectFor) server.ejections++
    server.ejectedUntil = now + Math.min(server.ejections * outlier.ejectFor, outlier.maxEjectFor)
    server.causes.set(HealthBit.Ejected, '5 answers of 5xx or none, in a row')
    this.judge()
  }

  /** Time goes on: ejections end. */
  pass(now: number): void {
    for (const server of this.servers.values()) {
      if (server.plan.down || server.ejectedUntil === undefined || server.ejectedUntil > now) continue
      server.ejectedUntil = undefined
      this.judge()
    }
  }

  judge(): void {
    const all = [...this.servers.values()]
    const primaries = all.filter((server) => server.isPrimary)
    const well = primaries.filter((server) => server.isWell).length
    const isTooFew = well * 100 < this.plan.panicThreshold * primaries.length
    this.isPanic = isTooFew && (this.isPanic || !all.some((server) => server.isUnknown))
  }
}

/** The operator's changes, workers' news, and time. */
type Step =
  | { readonly do: 'server'; readonly upstream: number; readonly server: number; readonly plan: ServerPlan | undefined }
  | { readonly do: 'settings'; readonly upstream: number; readonly settings: Omit<Plan, 'servers'> | undefined }
  | { readonly do: 'apply'; readonly sharesAll: boolean }
  | {
      readonly do: 'fall ill' | 'get well' | 'fail' | 'answer' | 'err'
      readonly upstream: number
      readonly server: number
    }
  | { readonly do: 'pass'; readonly ms: number }

const which = { upstream: fc.nat(UPSTREAMS.length - 1), server: fc.nat(NAMES.length - 1) }
const rarely = fc.integer({ min: 0, max: 5 }).map((dice) => dice === 0)
const anyServer = fc.record({ place: fc.nat(PLACES - 1), down: rarely, drain: rarely, backup: rarely })
const anySettings = fc.record({
  check: fc.constantFrom(...CHECKS),
  outlier: fc.constantFrom(...OUTLIERS),
  panicThreshold: fc.constantFrom(...THRESHOLDS),
})
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('server' as const),
      ...which,
      plan: fc.option(anyServer, { nil: undefined, freq: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('settings' as const),
      upstream: which.upstream,
      settings: fc.option(anySettings, { nil: undefined, freq: 6 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('apply' as const), sharesAll: fc.boolean() }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('fall ill', 'get well', 'fail', 'answer', 'err'), ...which }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 60 }).map((n) => n * 50) }),
  },
)

const plainServer: ServerPlan = { place: 0, down: false, drain: false, backup: false }
const firstPlan: Plan = {
  check: CHECKS[2],
  outlier: OUTLIERS[2],
  panicThreshold: 50,
  servers: new Map(NAMES.slice(0, 3).map((name) => [name, plainServer])),
}

test('health is what a simple model says, whatever is applied in between', async (t) => {
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 10, maxLength: 40 }), async (steps) => {
      const wanted = new Map<string, Plan>([['app', firstPlan]])
      const serverSlots = new Slots()
      const upstreamSlots = new Slots()
      const shared = new Map<string, Upstream>()

      /** The upstreams as they are wanted: those that are as before may be the same objects. */
      const compiled = (sharesAll: boolean): Upstream[] =>
        Array.from(wanted, ([name, { servers, ...health }]) => {
          const settings = Array.from(
            servers,
            ([server, { place, ...plan }]): Partial<Server> => ({
              name: server,
              slot: serverSlots.of(`${name} ${server}`),
              endpoint: { host: '127.0.0.1', port: portOf(name, server, place) },
              ...plan,
            }),
          )
          const next = upstream(settings, structuredClone(health) as Health, name, upstreamSlots.of(name))
          const key = JSON.stringify(next)
          const before = shared.get(key)
          if (before !== undefined && sharesAll) return before
          shared.set(key, next)
          return next
        })

      const ill = new Set<number>()
      const verdicts: { readonly port: number; readonly passed: boolean }[] = []
      const scene = new Monitored(t, compiled(false), async (port) => {
        const passed = !ill.has(port)
        verdicts.push({ port, passed })
        return { passed, cause: passed ? 'well' : 'ill' }
      })
      const model = new Map([['app', new ModelUpstream(firstPlan)]])
      /** What each port is checked for, and when that began. */
      const checked = new Map<number, { server: ModelServer; check: Check; times: number[] }>()

      const hear = () => {
        for (const { port, passed } of verdicts.splice(0)) {
          const [found] = [...model.values()].flatMap((one) =>
            [...one.servers.values()].flatMap((server) =>
              checked.get(port)?.server === server ? [{ one, server }] : [],
            ),
          )
          assert.ok(found, `nobody is to be checked at port ${port}`)
          if (found.server.checked(passed)) found.one.judge()
          const times = checked.get(port)!.times
          times.push(scene.time)
          if (times.length > 3) assert.equal(scene.time - times.at(-2)!, 1000, 'checks keep to their interval')
        }
      }

      const followChecks = () => {
        const ports = new Set<number>()
        for (const [name, one] of model) {
          for (const [server, state] of one.servers) {
            if (state.plan.down || state.check === undefined) continue
            const port = portOf(name, server, state.plan.place)
            ports.add(port)
            const known = checked.get(port)
            if (known?.server === state && known.check === state.check) continue
            checked.set(port, { server: state, check: state.check, times: [] })
          }
        }
        for (const port of checked.keys()) if (!ports.has(port)) checked.delete(port)
      }

      const compare = () => {
        for (const [name, one] of model) {
          assert.equal(scene.monitor.panicOf(name) !== undefined, one.isPanic, `panic of ${name}`)
          for (const [server, state] of one.servers) {
            const letters = lettersOf(scene.scoreboard.servers.health(serverSlots.of(`${name} ${server}`)))
            const where = `${name} ${server} at ${scene.time}`
            assert.equal(letters.includes('P'), one.isPanic && !state.isUnknown, `panic bit of ${where}`)
            if (state.plan.down) continue
            const { isUnhealthy, isSuspended, ejectedUntil } = state
            const expected = `${isUnhealthy ? 'U' : ''}${ejectedUntil === undefined ? '' : 'E'}${isSuspended ? 'S' : ''}`
            assert.equal(letters.replace('P', ''), expected, `health of ${where}`)
            const causes = [isUnhealthy && HealthBit.Unhealthy, ejectedUntil !== undefined && HealthBit.Ejected]
            for (const bit of causes) {
              if (bit === false) continue
              assert.equal(scene.monitor.causeOf(name, server, bit), state.causes.get(bit), `cause of ${where}`)
            }
            seen.add(expected + (one.isPanic ? 'P' : ''))
          }
        }
      }

      const apply = async (sharesAll: boolean) => {
        const upstreams = compiled(sharesAll)
        scene.monitor.apply(upstreams)
        for (const name of model.keys()) if (!wanted.has(name)) model.delete(name)
        for (const [name, plan] of wanted) {
          const known = model.get(name)
          if (known === undefined) model.set(name, new ModelUpstream(plan))
          else known.apply(plan)
        }
        // Before any check has begun: what workers see is what they are to go by.
        compare()
        followChecks()
        const names = new Set(
          [...wanted].flatMap(([name, { servers }]) => [...servers.keys()].map((one) => `${name} ${one}`)),
        )
        for (const slot of serverSlots.keep(names)) {
          for (const bit of Object.values(HealthBit)) scene.scoreboard.servers.clearHealth(slot, bit)
          scene.scoreboard.servers.clearFails(slot)
        }
        upstreamSlots.keep(new Set(wanted.keys()))
        await scene.settle()
        hear()
        compare()
      }

      await scene.monitor.start()
      followChecks()
      for (const step of steps) {
        const name = UPSTREAMS['upstream' in step ? step.upstream : 0]!
        const server = NAMES['server' in step ? step.server : 0]!
        const plan = wanted.get(name)
        const state = model.get(name)?.servers.get(server)
        switch (step.do) {
          case 'server': {
            if (plan === undefined) break
            const servers = new Map(plan.servers)
            if (step.plan === undefined) servers.delete(server)
            else servers.set(server, step.plan)
            wanted.set(name, { ...plan, servers })
            break
          }
          case 'settings':
            if (step.settings === undefined) wanted.delete(name)
            else wanted.set(name, { servers: firstPlan.servers, ...plan, ...step.settings })
            break
          case 'apply':
            await apply(step.sharesAll)
            break
          case 'fall ill':
          case 'get well':
            for (let place = 0; place < PLACES; place++) {
              if (step.do === 'fall ill') ill.add(portOf(name, server, place))
              else ill.delete(portOf(name, server, place))
            }
            break
          case 'fail':
            if (state === undefined || state.plan.down || state.isSuspended) break
            scene.suspend(server, serverSlots.of(`${name} ${server}`), name)
            state.isSuspended = true
            model.get(name)!.judge()
            break
          case 'answer':
            if (state === undefined || state.plan.down || !state.isSuspended) break
            scene.resume(server, serverSlots.of(`${name} ${server}`), name)
            state.isSuspended = false
            model.get(name)!.judge()
            break
          case 'err':
            scene.erring(server, name)
            model.get(name)?.erring(server, scene.time)
            break
          case 'pass': {
            const { time } = scene
            while (scene.time < time + step.ms) {
              await scene.pass(50)
              for (const one of model.values()) one.pass(scene.time)
              hear()
            }
            const probed = scene.probed(time)
            if (step.ms > 1000) for (const port of checked.keys()) assert.ok(probed[port], `no check at port ${port}`)
            break
          }
        }
        compare()
      }
      scene.monitor.stop()
    }),
    { numRuns: 300 },
  )
  // That the steps lead there at all.
  for (const health of ['', 'U', 'E', 'S', 'UE', 'US', 'ES', 'P', 'UP', 'EP', 'SP']) assert.ok(seen.has(health), health)
})
