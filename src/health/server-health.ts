import { now } from '../runtime/clock.ts'
import { HealthBit } from '../runtime/health-bit.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Server } from '../runtime/snapshot.ts'

/** All that keeps a server from serving as long as there is no panic. */
const AILMENTS = HealthBit.Suspended | HealthBit.Unhealthy | HealthBit.Ejected

/** One server's health on the Scoreboard, as the control plane writes it. */
export class ServerHealth {
  readonly server: Server
  readonly #upstream: number
  readonly #scoreboard: Scoreboard
  readonly #causes = new Map<HealthBit, string>()

  /** @param upstream the upstream's place on the Scoreboard */
  constructor(server: Server, upstream: number, scoreboard: Scoreboard) {
    this.server = server
    this.#upstream = upstream
    this.#scoreboard = scoreboard
  }

  /** Whether nothing keeps it from serving, neither by hand nor by its health. */
  get isWell(): boolean {
    return !this.server.down && (this.#scoreboard.servers.health(this.server.slot) & AILMENTS) === 0
  }

  has(bit: HealthBit): boolean {
    return (this.#scoreboard.servers.health(this.server.slot) & bit) !== 0
  }

  /** Why that bit was set last; undefined if nobody said. */
  causeOf(bit: HealthBit): string | undefined {
    return this.#causes.get(bit)
  }

  set(bit: HealthBit, cause?: string): void {
    if (cause !== undefined) this.#causes.set(bit, cause)
    this.#scoreboard.servers.setHealth(this.server.slot, bit)
    this.#scoreboard.upstreams.bumpEpoch(this.#upstream)
  }

  clear(bit: HealthBit): void {
    this.#scoreboard.servers.clearHealth(this.server.slot, bit)
    this.#scoreboard.upstreams.bumpEpoch(this.#upstream)
  }

  /** Takes back what kept the server out; it warms up if nothing else does, and no panic had it serve all the same. */
  heal(bit: HealthBit): void {
    if (this.#scoreboard.servers.health(this.server.slot) === bit)
      this.#scoreboard.servers.setReturnedAt(this.server.slot, now() | 0)
    this.clear(bit)
  }

  /** Forgets that requests to the server failed. */
  forgetFailures(): void {
    this.#scoreboard.servers.clearFails(this.server.slot)
    this.clear(HealthBit.Suspended)
  }

  /** Its good and bad answers since the start (modulo 2^32). */
  get answers(): { good: number; bad: number } {
    return {
      good: this.#scoreboard.servers.good(this.server.slot),
      bad: this.#scoreboard.servers.bad(this.server.slot),
    }
  }

  forgetBadInRow(): void {
    this.#scoreboard.servers.clearBadInRow(this.server.slot)
  }
}
