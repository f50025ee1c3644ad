import { now } from '../runtime/clock.ts'
import { isSameEndpoint } from '../runtime/endpoint.ts'
import { AILMENTS, HealthBit } from '../runtime/health-bit.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Server } from '../runtime/snapshot.ts'

/** One server's health on the Scoreboard, as the control plane writes it. */
export class ServerHealth {
  #server: Server
  readonly #upstream: number
  readonly #scoreboard: Scoreboard
  readonly #causes = new Map<HealthBit, string>()

  /** @param upstream the upstream's slot on the Scoreboard */
  constructor(server: Server, upstream: number, scoreboard: Scoreboard) {
    this.#server = server
    this.#upstream = upstream
    this.#scoreboard = scoreboard
  }

  /** The server's settings. */
  get server(): Server {
    return this.#server
  }

  /**
   * Whether this server's health still applies to `next`: the slot and the address are the same, and so is whether it
   * is disabled, or away.
   */
  isOf(next: Server): boolean {
    const { slot, down, away } = this.#server
    return next.slot === slot && next.down === down && next.away === away && this.isAt(next)
  }

  /** Whether `next` is the same process at the same address, as far as that is known. */
  isAt({ endpoint, incarnation }: Server): boolean {
    return isSameEndpoint(endpoint, this.#server.endpoint) && incarnation === this.#server.incarnation
  }

  /** Takes over other settings of the same server (see `isOf`). */
  apply(next: Server): void {
    this.#server = next
  }

  /**
   * Resets the health of a new server, whatever its slot held before.
   *
   * @param isUp whether it serves before its first check
   * @param warmsUp whether it then warms up
   * @param isBack whether it was expected back, so that it may have sessions
   */
  begin(isUp: boolean, warmsUp: boolean, isBack = false): void {
    const { slot } = this.#server
    if (isBack) this.set(HealthBit.Returning)
    else this.clear(HealthBit.Returning)
    // First, so that the server cannot serve in between.
    if (!isUp) this.set(HealthBit.Unhealthy)
    this.forgetBadInRow()
    this.resume()
    this.clear(HealthBit.Ejected)
    if (!isUp) return
    if (warmsUp) this.#scoreboard.servers.setReturnedAt(slot, now() | 0)
    this.clear(HealthBit.Unhealthy)
  }

  /** Whether the server is neither disabled nor away, unhealthy, ejected or suspended. */
  get isWell(): boolean {
    return isInUse(this.#server) && (this.#scoreboard.servers.health(this.#server.slot) & AILMENTS) === 0
  }

  has(bit: HealthBit): boolean {
    return (this.#scoreboard.servers.health(this.#server.slot) & bit) !== 0
  }

  /** Why that bit was last set; undefined if no cause was given. */
  causeOf(bit: HealthBit): string | undefined {
    return this.#causes.get(bit)
  }

  set(bit: HealthBit, cause?: string): void {
    if (cause === undefined) this.#causes.delete(bit)
    else this.#causes.set(bit, cause)
    this.#scoreboard.servers.setHealth(this.#server.slot, bit)
    this.#scoreboard.upstreams.bumpEpoch(this.#upstream)
  }

  clear(bit: HealthBit): void {
    this.#scoreboard.servers.clearHealth(this.#server.slot, bit)
    this.#scoreboard.upstreams.bumpEpoch(this.#upstream)
  }

  /** Clears the bit. If nothing else keeps the server out, and it was not serving in a panic, it warms up. */
  heal(bit: HealthBit): void {
    const { slot } = this.#server
    if (this.#scoreboard.servers.health(slot) === bit) this.#scoreboard.servers.setReturnedAt(slot, now() | 0)
    this.clear(bit)
  }

  /** Ends the server's suspension, and forgets the failures that led to it. */
  resume(): void {
    this.#scoreboard.servers.clearFails(this.#server.slot)
    this.clear(HealthBit.Suspended)
  }

  /** The server's good and bad answers since the start (modulo 2^32). */
  get answers(): { good: number; bad: number } {
    const { slot } = this.#server
    return { good: this.#scoreboard.servers.good(slot), bad: this.#scoreboard.servers.bad(slot) }
  }

  forgetBadInRow(): void {
    this.#scoreboard.servers.clearBadInRow(this.#server.slot)
  }
}

/** Whether requests and checks go to a server: it is neither disabled nor away. */
export function isInUse({ down, away }: Server): boolean {
  return !down && away !== true
}
