import type { Scoreboard } from '../scoreboard.ts'
import type { Server } from '../snapshot.ts'

/**
 * One server as a worker sees it: its settings, and its live state on the Scoreboard. Failures are counted by nginx's
 * rules (ngx_http_upstream_round_robin.c): `maxFails` of them within `failTimeout` take the server out for
 * `failTimeout`; then one live request probes it, and its success brings the server back.
 */
export class ServerState {
  readonly settings: Server
  readonly #scoreboard: Scoreboard
  readonly #upstream: number
  readonly #worker: number
  /** nginx never takes out an upstream's only server. */
  readonly #maxFails: number

  constructor(settings: Server, upstream: number, alone: boolean, scoreboard: Scoreboard, worker: number) {
    this.settings = settings
    this.#upstream = upstream
    this.#scoreboard = scoreboard
    this.#worker = worker
    this.#maxFails = alone ? 0 : settings.maxFails
  }

  /** Whether the server may be given a request at time `now`. The one place that answers this question. */
  mayServe(now: number): boolean {
    return !this.settings.down && (!this.#isOut() || this.#windowIsOver(now))
  }

  /** Of a server that may not serve: in how many ms it may be probed; Infinity if it does not come back by itself. */
  untilProbe(now: number): number {
    return this.settings.down ? Infinity : Math.max(1, this.settings.failTimeout - this.#windowAge(now) + 1)
  }

  /**
   * A request is about to go to this server. While the server is out, only one request at a time may, as its probe.
   *
   * @returns whether it may: false where another thread took the probe first
   */
  claim(now: number): boolean {
    if (this.#maxFails === 0) return true
    const slot = this.settings.slot
    const out = this.#isOut()
    const before = this.#scoreboard.checkedAt(slot)
    if (!this.#windowIsOver(now)) return !out
    const moved = this.#scoreboard.moveCheckedAt(slot, before, now | 0)
    if (!out) return true
    if (moved) this.#scoreboard.bumpEpoch(this.#upstream)
    return moved
  }

  /** An attempt on this server failed. Returns whether that took it out. */
  failed(now: number): boolean {
    this.#scoreboard.countFailure(this.settings.slot)
    if (this.#maxFails === 0) return false
    const fails = this.#scoreboard.addFail(this.settings.slot, now | 0)
    if (fails < this.#maxFails) return false
    this.#scoreboard.bumpEpoch(this.#upstream)
    return fails === this.#maxFails
  }

  /** An attempt succeeded. Returns whether that brought the server back. */
  succeeded(): boolean {
    const slot = this.settings.slot
    if (this.#maxFails === 0 || this.#scoreboard.fails(slot) === 0) return false
    // As in nginx: only a success that began in a window after the last failure's counts.
    if (((this.#scoreboard.failedAt(slot) - this.#scoreboard.checkedAt(slot)) | 0) >= 0) return false
    const fails = this.#scoreboard.clearFails(slot)
    if (fails < this.#maxFails) return false
    this.#scoreboard.bumpEpoch(this.#upstream)
    return true
  }

  /** An exchange begins on this server; every call is matched by one of `release`. */
  acquire(): void {
    this.#scoreboard.acquire(this.settings.slot, this.#worker)
  }

  release(): void {
    this.#scoreboard.release(this.settings.slot, this.#worker)
  }

  #isOut(): boolean {
    return this.#maxFails !== 0 && this.#scoreboard.fails(this.settings.slot) >= this.#maxFails
  }

  #windowAge(now: number): number {
    return ((now | 0) - this.#scoreboard.checkedAt(this.settings.slot)) | 0
  }

  #windowIsOver(now: number): boolean {
    return this.#windowAge(now) > this.settings.failTimeout
  }
}
