import { isDeepStrictEqual } from 'node:util'
import { now } from '../runtime/clock.ts'
import { HealthBit } from '../runtime/health-bit.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Server } from '../runtime/snapshot.ts'

/** All that keeps a server from serving as long as there is no panic. */
const AILMENTS = HealthBit.Suspended | HealthBit.Unhealthy | HealthBit.Ejected

/** One server's health on the Scoreboard, as the control plane writes it. */
export class ServerHealth {
  #server: Server
  readonly #upstream: number
  readonly #scoreboard: Scoreboard
  readonly #causes = new Map<HealthBit, string>()

  /** @param upstream the upstream's place on the Scoreboard */
  constructor(server: Server, upstream: number, scoreboard: Scoreboard) {
    this.#server = server
    this.#upstream = upstream
    this.#scoreboard = scoreboard
  }

  /** Its settings. */
  get server(): Server {
    return this.#server
  }

  /** Whether what is known of this server holds for `next`: it is in the same place, and disabled or not as before. */
  isOf(next: Server): boolean {
    const { slot, down, endpoint } = this.#server
    return next.slot === slot && next.down === down && isDeepStrictEqual(next.endpoint, endpoint)
  }

  /** Takes over other settings of the same server: one that it `isOf`. */
  apply(next: Server): void {
    this.#server = next
  }

  /**
   * The server begins: nothing is known of it, whatever its slot said before.
   *
   * @param isUp whether it serves before its first check
   * @param warmsUp whether it does so warming up
   */
  begin(isUp: boolean, warmsUp: boolean): void {
    const { slot } = this.#server
    // First of all, so that there is no moment at which it may serve.
    if (!isUp) this.set(HealthBit.Unhealthy)
    this.forgetBadInRow()
    this.resume()
    this.clear(HealthBit.Ejected)
    if (!isUp) return
    if (warmsUp) this.#scoreboard.servers.setReturnedAt(slot, now() | 0)
    this.clear(HealthBit.Unhealthy)
  }

  /** Whether nothing keeps it from serving, neither the operator nor its health. */
  get isWell(): boolean {
    return !this.#server.down && (this.#scoreboard.servers.health(this.#server.slot) & AILMENTS) === 0
  }

  has(bit: HealthBit): boolean {
    return (this.#scoreboard.servers.health(this.#server.slot) & bit) !== 0
  }

  /** Why that bit was set last; undefined where no cause was given. */
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

  /** Clears what kept the server out; it warms up if nothing else does, and no panic made it serve all the same. */
  heal(bit: HealthBit): void {
    const { slot } = this.#server
    if (this.#scoreboard.servers.health(slot) === bit) this.#scoreboard.servers.setReturnedAt(slot, now() | 0)
    this.clear(bit)
  }

  /** Ends its suspension, and forgets the failed requests that led to it. */
  resume(): void {
    this.#scoreboard.servers.clearFails(this.#server.slot)
    this.clear(HealthBit.Suspended)
  }

  /** Its good and bad answers since the start (modulo 2^32). */
  get answers(): { good: number; bad: number } {
    const { slot } = this.#server
    return { good: this.#scoreboard.servers.good(slot), bad: this.#scoreboard.servers.bad(slot) }
  }

  forgetBadInRow(): void {
    this.#scoreboard.servers.clearBadInRow(this.#server.slot)
  }
}
