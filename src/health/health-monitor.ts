import { setTimeout as sleep } from 'node:timers/promises'
import type { HealthBit } from '../runtime/health-bit.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Upstream } from '../runtime/snapshot.ts'
import type { WorkerEvent } from '../runtime/worker-event.ts'
import { Gate } from './gate.ts'
import { type Probe, probeServer } from './probe.ts'
import { type HealthEvents, type KnownHealth, UpstreamHealth } from './upstream-health.ts'

/** The maximum number of concurrent checks, of all upstreams together. */
const MAX_CHECKS = 256
/** How long the start waits for the first checks of unknown servers, in ms. */
const FIRST_ROUND = 10_000

/** The health of all servers of all upstreams, kept by the control plane. Workers read it from the Scoreboard. */
export class HealthMonitor {
  readonly #scoreboard: Scoreboard
  readonly #events: HealthEvents
  readonly #probe: Probe
  readonly #gate = new Gate(MAX_CHECKS)
  /** By upstream name. */
  #upstreams: ReadonlyMap<string, UpstreamHealth> = new Map()
  #isChecking = false
  #known: KnownHealth
  /** Aborted when the start stops waiting for first checks. */
  readonly #waiting = new AbortController()

  /**
   * Checks begin with `start`. Servers that may not serve before their first check are marked unhealthy at once.
   *
   * @param known which servers were up, by the checks of another process: undefined for one that it does not know
   */
  constructor(
    upstreams: readonly Upstream[],
    scoreboard: Scoreboard,
    events: HealthEvents,
    probe: Probe = probeServer,
    known: KnownHealth = () => undefined,
  ) {
    this.#known = known
    this.#scoreboard = scoreboard
    this.#events = events
    this.#probe = probe
    this.apply(upstreams)
    this.#known = () => undefined
  }

  /** Starts the checks; resolves once no server is unknown any more, or after 10 s. */
  async start(): Promise<void> {
    const { signal } = this.#waiting
    this.#isChecking = true
    this.#startChecks()
    await Promise.race([this.#untilKnown(signal), sleep(FIRST_ROUND, undefined, { signal }).catch(ignore)])
    this.#waiting.abort()
  }

  /**
   * Takes over another list of upstreams. What stays the same keeps its health, its checks and its ejection. A server
   * that is new, enabled again or at another address begins as its check's `initial` says, and so do all servers whose
   * check has changed.
   *
   * When this returns, all of that is on the Scoreboard. Call it before any worker gets these upstreams: otherwise a
   * server could serve without the check that it has to pass first. From now on, slots of removed servers and upstreams
   * are not written any more, and nothing is reported about them. Their bits remain, for workers that still use them,
   * until the slots are reclaimed.
   */
  apply(upstreams: readonly Upstream[]): void {
    const before = this.#upstreams
    this.#upstreams = new Map(upstreams.map((upstream) => [upstream.name, this.#continue(upstream)]))
    for (const [name, upstream] of before) if (this.#upstreams.get(name) !== upstream) upstream.stop()
    if (this.#isChecking) this.#startChecks()
  }

  /** Stops all checks at once. */
  stop(): void {
    this.#isChecking = false
    this.#waiting.abort()
    for (const upstream of this.#upstreams.values()) upstream.stop()
  }

  #continue(upstream: Upstream): UpstreamHealth {
    const current = this.#upstreams.get(upstream.name)
    if (current?.slot !== upstream.slot) {
      return new UpstreamHealth(upstream, this.#scoreboard, this.#gate, this.#probe, this.#events, this.#known)
    }
    current.apply(upstream)
    return current
  }

  #startChecks(): void {
    for (const upstream of this.#upstreams.values()) upstream.start()
  }

  /** Checks the list again each time, since servers may be added or removed meanwhile. */
  async #untilKnown(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const awaited = Array.from(this.#upstreams.values()).flatMap((upstream) => upstream.awaited)
      if (awaited.length === 0) return
      await Promise.all(awaited)
    }
  }

  /** The log line for an upstream's panic; undefined if there is none. */
  panicOf(upstream: string): string | undefined {
    return this.#upstreams.get(upstream)?.panic
  }

  /** Handles the events of workers that concern servers' health. */
  hear(event: WorkerEvent): void {
    switch (event.type) {
      case 'server-suspended':
        return this.#upstreams.get(event.upstream)?.suspended(event.server, event.ms, event.cause, event.traceId)
      case 'server-resumed':
        return this.#upstreams.get(event.upstream)?.resumed(event.server)
      case 'server-erring':
        return this.#upstreams.get(event.upstream)?.erring(event.server, event.badInRow)
    }
  }

  /** Why that bit of a server was set; undefined if no cause was given. */
  causeOf(upstream: string, server: string, bit: HealthBit): string | undefined {
    return this.#upstreams.get(upstream)?.causeOf(server, bit)
  }
}

function ignore(): void {}
