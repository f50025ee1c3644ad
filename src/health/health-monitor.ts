import { setTimeout as sleep } from 'node:timers/promises'
import type { HealthBit } from '../runtime/health-bit.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Upstream } from '../runtime/snapshot.ts'
import type { WorkerEvent } from '../runtime/worker-event.ts'
import { Gate } from './gate.ts'
import { type Probe, probeServer } from './probe.ts'
import { type HealthEvents, UpstreamHealth } from './upstream-health.ts'

/** Checks in progress at once, of all upstreams together. */
const MAX_CHECKS = 256
/** How long the first checks of unknown servers may hold up the start, in ms. */
const FIRST_ROUND = 10_000

/** The health of all servers of all upstreams: the control plane's knowledge, which workers read on the Scoreboard. */
export class HealthMonitor {
  readonly #scoreboard: Scoreboard
  readonly #events: HealthEvents
  readonly #probe: Probe
  readonly #gate = new Gate(MAX_CHECKS)
  /** By their names. */
  #upstreams: ReadonlyMap<string, UpstreamHealth> = new Map()
  #isChecking = false
  /** Aborted once the start waits for no first check any more. */
  readonly #waiting = new AbortController()

  /** Nothing is checked before `start`; but servers that may not serve before their first check are unhealthy from here on. */
  constructor(
    upstreams: readonly Upstream[],
    scoreboard: Scoreboard,
    events: HealthEvents,
    probe: Probe = probeServer,
  ) {
    this.#scoreboard = scoreboard
    this.#events = events
    this.#probe = probe
    this.apply(upstreams)
  }

  /** Starts to check; resolves once no server is unknown any more, or that has taken too long. */
  async start(): Promise<void> {
    const { signal } = this.#waiting
    this.#isChecking = true
    this.#startChecks()
    await Promise.race([this.#untilKnown(signal), sleep(FIRST_ROUND, undefined, { signal }).catch(ignore)])
    this.#waiting.abort()
  }

  /**
   * Takes over another list of upstreams. What stays the same keeps its health, its checks and its ejection; a server that
   * is new, enabled again or at another address begins as its check's `initial` says, as do all whose check has changed.
   *
   * All of that is on the Scoreboard when this returns. Call it before any worker is given these upstreams: otherwise a
   * server that has to pass a check first would serve without. After this, slots of servers and upstreams that are gone
   * are not written any more, and nothing is reported of them; their bits stay, for workers that still know them, until
   * whoever retires the slots clears them.
   */
  apply(upstreams: readonly Upstream[]): void {
    const before = this.#upstreams
    this.#upstreams = new Map(upstreams.map((upstream) => [upstream.name, this.#continue(upstream)]))
    for (const [name, upstream] of before) if (this.#upstreams.get(name) !== upstream) upstream.stop()
    if (this.#isChecking) this.#startChecks()
  }

  /** Ends all checks at once. */
  stop(): void {
    this.#isChecking = false
    this.#waiting.abort()
    for (const upstream of this.#upstreams.values()) upstream.stop()
  }

  #continue(upstream: Upstream): UpstreamHealth {
    const current = this.#upstreams.get(upstream.name)
    if (current?.slot !== upstream.slot) {
      return new UpstreamHealth(upstream, this.#scoreboard, this.#gate, this.#probe, this.#events)
    }
    current.apply(upstream)
    return current
  }

  #startChecks(): void {
    for (const upstream of this.#upstreams.values()) upstream.start()
  }

  /** Looks again each time, since servers may come and go meanwhile. */
  async #untilKnown(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const awaited = Array.from(this.#upstreams.values()).flatMap((upstream) => upstream.awaited)
      if (awaited.length === 0) return
      await Promise.all(awaited)
    }
  }

  /** The line that reports an upstream's panic; undefined where there is none. */
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

  /** Why that is so of a server; undefined where no cause was given. */
  causeOf(upstream: string, server: string, bit: HealthBit): string | undefined {
    return this.#upstreams.get(upstream)?.causeOf(server, bit)
  }
}

function ignore(): void {}
