import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { pino } from 'pino'
import type { PortPlace } from '../../../src/admin/admin-listener.ts'
import type { Server, Upstream } from '../../../src/admin/answers.ts'
import type { Config } from '../../../src/config/schema.ts'
import { Balancer } from '../../../src/control/balancer.ts'
import { startWorkerThread } from '../../../src/control/workers/worker-thread.ts'
import { wallSeconds } from '../../../src/runtime/clock.ts'
import { Scoreboard } from '../../../src/runtime/scoreboard.ts'
import { SessionTable } from '../../../src/runtime/session-table.ts'
import type { PortListener, Snapshot } from '../../../src/runtime/snapshot.ts'
import { patched } from '../../../src/runtime/snapshot-patch.ts'
import type { ControlMessage, WorkerStart } from '../../../src/worker/messages.ts'
import { until } from '../../support/until.ts'

/** A line of the access log, as far as the tests ask. */
export interface LogLine {
  readonly path?: string
  readonly query?: string
  readonly status: number
  readonly server: readonly string[]
  readonly upstreamStatus: readonly number[]
  readonly reason?: string
}

/** A balancer in this process, and what its first worker is told: the Snapshots, and the memory that all threads share. */
export class WatchedBalancer {
  readonly balancer: Balancer
  readonly scoreboard: Scoreboard
  readonly sessions: SessionTable
  /** Lines of the program's own log. */
  readonly log: readonly string[]
  /** The first worker's. */
  snapshot: Snapshot

  private constructor(balancer: Balancer, { snapshot, scoreboard, sessions }: WorkerStart, log: readonly string[]) {
    this.balancer = balancer
    this.snapshot = snapshot
    this.scoreboard = new Scoreboard(scoreboard)
    this.sessions = new SessionTable(sessions)
    this.log = log
  }

  /** It stops with the test. */
  static async start(test: TestContext, config: Config): Promise<WatchedBalancer> {
    const thread = startWorkerThread(0)
    const { promise: started, resolve } = Promise.withResolvers<WorkerStart>()
    const post = thread.postMessage.bind(thread)
    let watched: WatchedBalancer | undefined
    thread.postMessage = (message: WorkerStart | ControlMessage) => {
      if (!('type' in message)) resolve(message)
      else if (message.type === 'apply') watched!.snapshot = patched(watched!.snapshot, message.patch)
      post(message)
    }
    const lines: string[] = []
    const log = pino({ base: null }, { write: (line) => lines.push(JSON.parse(line).msg) })
    const balancer = await Balancer.start({ file: config, log }, thread)
    test.after(() => balancer.stop())
    watched = new WatchedBalancer(balancer, await started, lines)
    return watched
  }

  get port(): number {
    return (this.balancer.listeners[0] as PortListener).port
  }

  /** Lines of the program's own log, but for those that say what was applied. */
  get trouble(): readonly string[] {
    return this.log.filter((line) => !/^generation \d+: /.test(line))
  }

  /** The slots of an upstream's servers, by their names. */
  slotsOf(upstream: string): ReadonlyMap<string, number> {
    const servers = this.snapshot.upstreams.find(({ name }) => name === upstream)?.servers ?? []
    return new Map(servers.map(({ name, slot }) => [name, slot]))
  }

  /** What the admin API says of an upstream's servers. */
  async servers(upstream: string): Promise<readonly Server[]> {
    const { address, port } = this.balancer.adminPlace as PortPlace
    const answer = await fetch(`http://${address}:${port}/v1/upstreams/${upstream}`)
    return ((await answer.json()) as Upstream).servers
  }

  /** Resolves once that many requests wait for servers of an upstream. */
  async waiting(upstream: string, count: number): Promise<void> {
    const { slot } = this.snapshot.upstreams.find(({ name }) => name === upstream)!
    await until(() => this.scoreboard.queues.waiting(slot) === count)
  }

  /** Resolves once nothing is in flight on these servers. */
  async quiet(slots: Iterable<number>): Promise<void> {
    const all = [...slots]
    const isBusy = () =>
      all.some((slot) => this.scoreboard.isServerInUse(slot)) ||
      [...this.sessions.count(all, wallSeconds()).values()].some(({ active }) => active > 0)
    await until(() => !isBusy())
  }

  /** Stops it, and resolves to the whole access log. */
  async accessLog(file: string): Promise<LogLine[]> {
    await this.balancer.stop()
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
    return lines.map((line) => JSON.parse(line))
  }
}
