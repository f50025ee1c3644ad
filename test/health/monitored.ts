/** A HealthMonitor whose time a test makes pass, and whose every check it answers. */
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Access } from '../../src/health/access.ts'
import { HealthMonitor } from '../../src/health/health-monitor.ts'
import type { Verdict } from '../../src/health/verdict.ts'
import { HealthBit } from '../../src/runtime/health-bit.ts'
import type { Health, Outlier, TcpCheck } from '../../src/runtime/health-settings.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import type { Server, Upstream } from '../../src/runtime/snapshot.ts'
import { serversWith } from '../balancing/group.ts'
import '../support/seeded-random.ts'

/** Every second, not give or take anything. */
export const check: TcpCheck = {
  type: 'tcp',
  interval: 1000,
  jitter: 0,
  timeout: 500,
  rise: 2,
  fall: 3,
  initial: 'up',
}

export const outlier: Outlier = {
  consecutive5xx: 5,
  errorRate: 20,
  minRequests: 50,
  interval: 10_000,
  ejectFor: 30_000,
  maxEjectFor: 100_000,
  maxEjected: 50,
}

/** An upstream in slot 0, of servers in the slots from 0 on, as far as they do not say otherwise. */
export function upstream(servers: readonly Partial<Server>[], health: Partial<Health> = {}, name = 'app', slot = 0) {
  return { name, slot, servers: serversWith(servers), health: { panicThreshold: 0, ...health } } as unknown as Upstream
}

export class Monitored {
  readonly scoreboard = new Scoreboard()
  readonly monitor: HealthMonitor
  /** The lines of the log. */
  readonly lines: string[] = []
  /** In ms since the start. */
  time = 0
  /** What a check finds at that port. */
  answer: (port: number, signal: AbortSignal) => Promise<Verdict>
  /** The ports of the checks, and when each began. */
  readonly probes: { readonly port: number; readonly at: number }[] = []
  readonly #test: TestContext

  /** `answer` is what all checks find until it is replaced. */
  constructor(test: TestContext, upstreams: readonly Upstream[], answer: Monitored['answer'] = async () => passed) {
    this.#test = test
    this.answer = answer
    test.mock.timers.reset()
    test.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
    const probe = (_check: unknown, { endpoint }: Access, signal: AbortSignal) => {
      const port = 'port' in endpoint ? endpoint.port : 0
      this.probes.push({ port, at: this.time })
      return this.answer(port, signal)
    }
    const note = (line: string) => this.lines.push(line.replace('upstream app: ', ''))
    const events = { worse: note, better: note, shortage: note, takenOut: () => {} }
    this.monitor = new HealthMonitor(upstreams, this.scoreboard, events, probe)
    test.after(() => this.monitor.stop())
  }

  async pass(ms: number): Promise<void> {
    for (const end = this.time + ms; this.time < end; ) {
      this.time += 50
      this.#test.mock.timers.tick(50)
      await this.settle()
    }
  }

  /** Until whatever was begun at this time has come to its end. */
  async settle(): Promise<void> {
    for (let i = 0; i < 3; i++) await turn()
  }

  /** The server in that slot fails so often that workers suspend it, as they would do it. */
  suspend(server: string, slot: number, upstream = 'app'): void {
    this.scoreboard.servers.addFail(slot, 0)
    this.scoreboard.servers.setHealth(slot, HealthBit.Suspended)
    this.monitor.hear({ type: 'server-suspended', upstream, server, ms: 10_000, cause: 'refused' })
  }

  /** It has answered a request since, which ends that. */
  resume(server: string, slot: number, upstream = 'app'): void {
    this.scoreboard.servers.clearFails(slot)
    this.scoreboard.servers.clearHealth(slot, HealthBit.Suspended)
    this.monitor.hear({ type: 'server-resumed', upstream, server })
  }

  erring(server: string, upstream = 'app'): void {
    this.monitor.hear({ type: 'server-erring', upstream, server, badInRow: 5 })
  }

  /** The health of the servers in the first slots: `U`nhealthy, `E`jected, `S`uspended, `P`anic. */
  healths(count: number): string[] {
    return Array.from({ length: count }, (_, slot) => lettersOf(this.scoreboard.servers.health(slot)))
  }

  /** How many checks there were of each port since that time. */
  probed(since: number): Record<number, number> {
    const counts: Record<number, number> = {}
    for (const { port, at } of this.probes) if (at > since) counts[port] = (counts[port] ?? 0) + 1
    return counts
  }
}

export const passed: Verdict = { passed: true, cause: 'well' }
export const failed: Verdict = { passed: false, cause: 'ill' }

export function lettersOf(health: number): string {
  const letters = { U: HealthBit.Unhealthy, E: HealthBit.Ejected, S: HealthBit.Suspended, P: HealthBit.Panic }
  return Object.entries(letters)
    .filter(([, bit]) => health & bit)
    .map(([letter]) => letter)
    .join('')
}
