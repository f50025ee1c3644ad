import { now as clock } from '../runtime/clock.ts'
import { HealthBit } from '../runtime/health-bit.ts'
import type { ServerCounters } from '../runtime/scoreboard/server-counters.ts'
import type { UpstreamTurns } from '../runtime/scoreboard/upstream-turns.ts'
import type { WaitingLines } from '../runtime/scoreboard/waiting-lines.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Server } from '../runtime/snapshot.ts'

/**
 * Why a server may not be given a request: no longer in the upstream, disabled by the operator, there for the sessions only
 * that it has, down by its check, ejected for its answers, suspended after failures, or at its `maxConnections`.
 */
export type Refusal = 'removed' | 'down' | 'drained' | 'unhealthy' | 'ejected' | 'suspended' | 'full'

/** In how many steps a returned server comes to its whole weight. A power of two keeps the parts exact. */
const WARMING_STEPS = 16

/** More requests than a server can ever have in flight. */
export const UNLIMITED = 0x7fff_ffff

/** A request may have read the clock this long, in ms, before what it now looks at happened. */
const CLOCK_SLACK = 60_000

/**
 * One server as a worker sees it: its settings, and its live state on the Scoreboard. It is the same object for as long as
 * the upstream has a server of that name, whatever else changes. Failures are counted by nginx's rules
 * (ngx_http_upstream_round_robin.c): `maxFails` of them within `failTimeout` suspend the server for `failTimeout`; then one
 * live request probes it, and its success brings the server back.
 */
export class ServerState {
  readonly #counters: ServerCounters
  readonly #turns: UpstreamTurns
  readonly #queues: WaitingLines
  readonly #upstream: number
  readonly #worker: number
  #settings: Server
  #isRemoved = false
  /** nginx never suspends an upstream's only server. */
  #maxFails: number

  constructor(settings: Server, upstream: number, alone: boolean, scoreboard: Scoreboard, worker: number) {
    this.#settings = settings
    this.#upstream = upstream
    this.#counters = scoreboard.servers
    this.#turns = scoreboard.upstreams
    this.#queues = scoreboard.queues
    this.#worker = worker
    this.#maxFails = alone ? 0 : settings.maxFails
  }

  get settings(): Server {
    return this.#settings
  }

  /** Takes in other settings of the same server: its name and its slot are what they were. */
  apply(settings: Server, alone: boolean): void {
    this.#settings = settings
    this.#maxFails = alone ? 0 : settings.maxFails
    if (this.#maxFails === 0) this.#endSuspension()
  }

  /** The upstream has it no more: nothing new comes here, and what is in flight goes on. */
  remove(): void {
    this.#isRemoved = true
  }

  get isRemoved(): boolean {
    return this.#isRemoved
  }

  /** Failures count no longer, so that no success would bring it back. */
  #endSuspension(): void {
    const { slot } = this.#settings
    if (this.#counters.fails(slot) !== 0) this.#counters.clearFails(slot)
    if (!this.isSuspended) return
    const before = this.#counters.clearHealth(slot, HealthBit.Suspended)
    if (before & HealthBit.Suspended) this.returned(clock())
  }

  /**
   * What keeps the server from being given a request at time `now`. The one place that answers this question.
   *
   * @param isOwn whether the request belongs to a session that the server has
   */
  refusal(now: number, isOwn = false): Refusal | undefined {
    if (this.#isRemoved) return 'removed'
    const { slot, down, drain } = this.#settings
    if (down) return 'down'
    if (drain && !isOwn) return 'drained'
    const health = this.#counters.health(slot)
    if (health !== 0) {
      const ailment = this.#ailment(health, now)
      if (ailment !== undefined) return ailment
    }
    return this.isFull ? 'full' : undefined
  }

  /** How many requests it may have in flight, all workers together. */
  get limit(): number {
    return Math.min(this.#settings.maxConnections || UNLIMITED, UNLIMITED)
  }

  /** Whether it has as many requests as it may, whatever else keeps it from being given one. */
  get isFull(): boolean {
    const { maxConnections, slot } = this.#settings
    return maxConnections > 0 && this.#counters.inFlight(slot) >= maxConnections
  }

  #ailment(health: number, now: number): Refusal | undefined {
    if (health & HealthBit.Panic) return undefined
    if (health & HealthBit.Unhealthy) return 'unhealthy'
    if (health & HealthBit.Ejected) return 'ejected'
    return health & HealthBit.Suspended && !this.#windowIsOver(now) ? 'suspended' : undefined
  }

  mayServe(now: number, isOwn = false): boolean {
    return this.refusal(now, isOwn) === undefined
  }

  /** Whether failures suspended it and no answer has brought it back yet, so that a request to it is its probe. */
  get isSuspended(): boolean {
    return (this.#counters.health(this.#settings.slot) & HealthBit.Suspended) !== 0
  }

  /** Whether the server may serve as soon as it has a place free. */
  isUp(now: number): boolean {
    const refusal = this.refusal(now)
    return refusal === undefined || refusal === 'full'
  }

  /** Of a server that is not up: in how many ms it may be probed; Infinity if it does not come back by itself. */
  untilProbe(now: number): number {
    if (this.refusal(now) !== 'suspended') return Infinity
    return Math.max(1, this.#settings.failTimeout - this.#windowAge(now) + 1)
  }

  /** The weight that counts at time `now`: while a returned server warms up, a part of its own. */
  weight(now: number): number {
    const { weight } = this.#settings
    return (weight * this.#step(now)) / WARMING_STEPS
  }

  /** In how many ms `weight` changes; Infinity if it does not. */
  untilStep(now: number): number {
    const { slot, slowStart } = this.#settings
    const step = this.#step(now)
    if (step === WARMING_STEPS) return Infinity
    return Math.max(1, (step * slowStart) / WARMING_STEPS - (((now | 0) - this.#counters.returnedAt(slot)) | 0))
  }

  /**
   * Takes a place for a request that is about to go to this server; `release` gives it back. While the server is out,
   * only one request at a time may go there, as its probe.
   *
   * @returns whether it may go: false where another thread took the last place, or the probe, first
   */
  claim(now: number): boolean {
    const { slot, maxConnections } = this.#settings
    if (!this.#counters.acquire(slot, this.#worker, maxConnections)) return false
    if (this.#mayGo(now)) {
      this.#counters.countRequest(slot)
      return true
    }
    this.release()
    return false
  }

  /**
   * Takes a place on a server that only failures keep out, as one more probe of it.
   *
   * @returns whether it may go: false where there is no place
   */
  claimAnyway(now: number): boolean {
    const { slot, maxConnections } = this.#settings
    if (!this.#counters.acquire(slot, this.#worker, maxConnections)) return false
    // An answer that comes after this moment brings the server back.
    this.#counters.moveCheckedAt(slot, this.#counters.checkedAt(slot), now | 0)
    this.#counters.countRequest(slot)
    return true
  }

  /** Whether its last failure is longer ago than that of another server. */
  failedBefore(other: ServerState): boolean {
    const { slot } = this.#settings
    return ((this.#counters.failedAt(slot) - this.#counters.failedAt(other.settings.slot)) | 0) < 0
  }

  /** Gives back what `claim` took, once the exchange on this server is over. */
  release(): void {
    const { slot, maxConnections } = this.#settings
    this.#counters.release(slot, this.#worker)
    if (maxConnections > 0) this.#queues.wakeOne(slot, this.#upstream)
  }

  #mayGo(now: number): boolean {
    if (this.#maxFails === 0) return true
    const slot = this.#settings.slot
    const health = this.#counters.health(slot)
    const isFree = (health & HealthBit.Suspended) === 0 || (health & HealthBit.Panic) !== 0
    const before = this.#counters.checkedAt(slot)
    if (!this.#windowIsOver(now)) return isFree
    const moved = this.#counters.moveCheckedAt(slot, before, now | 0)
    if (isFree) return true
    if (moved) this.#turns.bumpEpoch(this.#upstream)
    return moved
  }

  /** An attempt on this server failed. Returns whether that suspended it. */
  failed(now: number): boolean {
    const { slot } = this.#settings
    this.#counters.countFailure(slot)
    if (this.#maxFails === 0 || this.#counters.addFail(slot, now | 0) < this.#maxFails) return false
    const before = this.#counters.setHealth(slot, HealthBit.Suspended)
    // Another thread's success may have come in between, with nothing to clear yet.
    if (this.#counters.fails(slot) === 0) this.#counters.clearHealth(slot, HealthBit.Suspended)
    this.#turns.bumpEpoch(this.#upstream)
    return (before & HealthBit.Suspended) === 0
  }

  /** An attempt succeeded, now or at time `now`. Returns whether that brought the server back. */
  succeeded(now?: number): boolean {
    const slot = this.#settings.slot
    if (this.#maxFails === 0 || this.#counters.fails(slot) === 0) return false
    // As in nginx: only a success that began in a window after the last failure's counts.
    if (((this.#counters.failedAt(slot) - this.#counters.checkedAt(slot)) | 0) >= 0) return false
    this.#counters.clearFails(slot)
    if ((this.#counters.clearHealth(slot, HealthBit.Suspended) & HealthBit.Suspended) === 0) return false
    this.returned(now ?? clock())
    return true
  }

  /**
   * The server has answered, or failed to: counts it for the detector of outliers.
   *
   * @param good whether that was an answer, and no 5xx
   * @returns how many bad ones that makes in a row
   */
  answered(good: boolean): number {
    if (!good) return this.#counters.countBad(this.#settings.slot)
    this.#counters.countGood(this.#settings.slot)
    return 0
  }

  /** The server serves again after it was out: warms it up over its `slowStart`. */
  returned(now: number): void {
    this.#counters.setReturnedAt(this.#settings.slot, now | 0)
    this.#turns.bumpEpoch(this.#upstream)
  }

  /** How far it has warmed up, from 1 to WARMING_STEPS. */
  #step(now: number): number {
    const { slot, slowStart } = this.#settings
    if (slowStart === 0) return WARMING_STEPS
    const at = this.#counters.returnedAt(slot)
    if (at === 0) return WARMING_STEPS
    const age = ((now | 0) - at) | 0
    if (age > -CLOCK_SLACK && age < slowStart) return Math.floor((Math.max(0, age) * WARMING_STEPS) / slowStart) + 1
    // Before the clock, modulo 2^32, makes an old return look like a new one.
    this.#counters.clearReturnedAt(slot, at)
    return WARMING_STEPS
  }

  #windowAge(now: number): number {
    return ((now | 0) - this.#counters.checkedAt(this.#settings.slot)) | 0
  }

  #windowIsOver(now: number): boolean {
    const age = this.#windowAge(now)
    // By the clock, modulo 2^32, a window that began more than 24.8 days ago seems to lie ahead.
    return age > this.#settings.failTimeout || age < -CLOCK_SLACK
  }
}

/** Those that are no backups. */
export function primariesOf(servers: readonly ServerState[]): ServerState[] {
  return servers.filter((server) => !server.settings.backup)
}
