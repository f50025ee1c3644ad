import { setTimeout as sleep } from 'node:timers/promises'
import type { HealthBit } from '../runtime/health-bit.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Upstream } from '../runtime/snapshot.ts'
import type { WorkerEvent } from '../runtime/worker-event.ts'
import { Gate } from './gate.ts'
import { type HealthEvents, UpstreamHealth } from './upstream-health.ts'

/** Checks under way at once, of all upstreams together. */
const MAX_CHECKS = 256
/** How long the first checks of unknown servers may hold up the start, in ms. */
const FIRST_ROUND = 10_000

/** The health of all servers of all upstreams: the control plane's knowledge, which workers read on the Scoreboard. */
export class HealthMonitor {
  /** By their names. */
  readonly #upstreams: ReadonlyMap<string, UpstreamHealth>
  readonly #waiting = new AbortController()

  /** Nothing is checked yet; but servers that are down or unknown before their first check are so from here on. */
  constructor(upstreams: readonly Upstream[], scoreboard: Scoreboard, events: HealthEvents) {
    const gate = new Gate(MAX_CHECKS)
    this.#upstreams = new Map(
      upstreams.map((upstream) => [upstream.name, new UpstreamHealth(upstream, scoreboard, gate, events)]),
    )
  }

  /** Starts to check; resolves once no server is unknown any more, or that has taken too long. */
  async start(): Promise<void> {
    const { signal } = this.#waiting
    const known = Promise.all(Array.from(this.#upstreams.values(), (upstream) => upstream.start()))
    await Promise.race([known, sleep(FIRST_ROUND, undefined, { signal }).catch(ignore)])
    this.#waiting.abort()
  }

  /** Ends all checks at once. */
  stop(): void {
    this.#waiting.abort()
    for (const upstream of this.#upstreams.values()) upstream.stop()
  }

  /** What is said of an upstream's panic; undefined where there is none. */
  panicOf(upstream: string): string | undefined {
    return this.#upstreams.get(upstream)?.panic
  }

  /** Takes in what workers have seen of servers. */
  hear(event: WorkerEvent): void {
    switch (event.type) {
      case 'server-suspended':
        return this.#upstreams.get(event.upstream)?.suspended(event.server, event.ms, event.cause)
      case 'server-resumed':
        return this.#upstreams.get(event.upstream)?.resumed(event.server)
      case 'server-erring':
        return this.#upstreams.get(event.upstream)?.erring(event.server, event.badInRow)
    }
  }

  /** Why that is so of a server; undefined if nobody said. */
  causeOf(upstream: string, server: string, bit: HealthBit): string | undefined {
    return this.#upstreams.get(upstream)?.causeOf(server, bit)
  }
}

function ignore(): void {}
