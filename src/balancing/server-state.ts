import { now as clock } from '../runtime/clock.ts'
import { isSameEndpoint } from '../runtime/endpoint.ts'
import { HealthBit } from '../runtime/health-bit.ts'
import type { ServerCounters } from '../runtime/scoreboard/server-counters.ts'
import type { UpstreamTurns } from '../runtime/scoreboard/upstream-turns.ts'
import type { WaitingLines } from '../runtime/scoreboard/waiting-lines.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Server } from '../runtime/snapshot.ts'
import { Suspension } from './suspension.ts'
import { WarmUp } from './warm-up.ts'

/**
 * Why a server may not get a request: no longer in the upstream (`removed`), disabled by the operator (`down`),
 * draining, so that it only serves sessions that it has, or none any more (`drained`), expected back, or back and not answering yet
 * (`away`), down by its check (`unhealthy`), ejected for its answers (`ejected`), suspended after failures (`suspended`), or at its
 * `maxConnections` (`full`).
 */
export type Refusal = 'removed' | 'down' | 'drained' | 'away' | 'unhealthy' | 'ejected' | 'suspended' | 'full'

/** More requests than a server can ever have in flight. */
export const UNLIMITED = 0x7fff_ffff

/**
 * One server as a worker sees it: its settings, and its live state on the Scoreboard. It is the same object for as long
 * as the upstream has a server of that name, whatever else changes.
 */
export class ServerState {
  readonly #counters: ServerCounters
  readonly #turns: UpstreamTurns
  readonly #queues: WaitingLines
  readonly #upstream: number
  readonly #worker: number
  readonly #suspension: Suspension
  readonly #warmUp: WarmUp
  #settings: Server
  #isRemoved = false
  #incarnation = 0
  /** Whether it may have answered nothing since it came back, as far as this worker knows. */
  #mayBeReturning = true
  /** 0 for an upstream's only server, which nginx never suspends. */
  #maxFails: number

  constructor(settings: Server, upstream: number, alone: boolean, scoreboard: Scoreboard, worker: number) {
    this.#settings = settings
    this.#upstream = upstream
    this.#counters = scoreboard.servers
    this.#turns = scoreboard.upstreams
    this.#queues = scoreboard.queues
    this.#worker = worker
    this.#suspension = new Suspension(scoreboard.servers, settings.slot, settings.failTimeout)
    this.#warmUp = new WarmUp(scoreboard.servers, settings.slot)
    this.#maxFails = alone ? 0 : settings.maxFails
  }

  get settings(): Server {
    return this.#settings
  }

  /** Takes over other settings of the same server; its name and its slot stay the same. */
  apply(settings: Server, alone: boolean): void {
    const before = this.#settings
    const hadLimit = before.maxConnections > 0
    this.#settings = settings
    this.#suspension.failTimeout = settings.failTimeout
    if (isAnother(before, settings)) this.#beginAgain()
    // Of places that were given back here while there was no limit, nobody was notified.
    if (!hadLimit && settings.maxConnections > 0) this.#turns.bumpEpoch(this.#upstream)
    this.#maxFails = alone ? 0 : settings.maxFails
    if (this.#maxFails === 0) this.#endSuspension()
  }

  /** The server was removed from the upstream: it gets no more requests, and those in flight finish. */
  remove(): void {
    this.#isRemoved = true
  }

  get isRemoved(): boolean {
    return this.#isRemoved
  }

  /** Changes when it is another process, which is not to blame for what the one before it did: it has moved, or it was away. */
  get incarnation(): number {
    return this.#incarnation
  }

  /** Threads that did not know yet may have counted failures of the one before. */
  #beginAgain(): void {
    this.#incarnation++
    this.#mayBeReturning = true
    this.#endSuspension()
  }

  #endSuspension(): void {
    if (this.#suspension.end()) this.returned(clock())
  }

  /**
   * Why the server may not get a request at time `now`; undefined if it may. Only this function decides that.
   *
   * @param isOwn whether the request's session is on this server
   */
  refusal(now: number, isOwn = false): Refusal | undefined {
    if (this.#isRemoved) return 'removed'
    const { slot, down, drain, away } = this.#settings
    if (down) return 'down'
    if (drain && !(isOwn && this.keepsSessions)) return 'drained'
    if (away) return 'away'
    const health = this.#counters.health(slot)
    if (health !== 0) {
      const ailment = this.#ailment(health, now)
      if (ailment !== undefined) return ailment
    }
    return this.isFull ? 'full' : undefined
  }

  /** Whether the sessions that it has may stay on it, although it may be draining. */
  get keepsSessions(): boolean {
    const { drain, ownSessions } = this.#settings
    return !drain || ownSessions === 'keep'
  }

  /** Whether connections to it are kept for other requests: a server that is about to end closes them, and at any moment. */
  get keepsConnections(): boolean {
    const { drain, away } = this.#settings
    return !this.#isRemoved && !drain && !away
  }

  /** Whether it has been told to stop and is expected back, and may serve until then if no other server may. */
  mayServeToItsEnd(now: number): boolean {
    return this.#settings.ending === true && this.refusal(now, true) === undefined
  }

  /** Whether it is or may be back soon when it cannot serve, so that its sessions stay its own. */
  get isExpected(): boolean {
    const { away, returns } = this.#settings
    return away === true || returns === true || this.#isReturning
  }

  /** Whether it is back, and has not answered yet; or it took a request no longer, and has not answered since. */
  get #isReturning(): boolean {
    const mayBe = this.#mayBeReturning || this.#settings.returns === true
    return mayBe && (this.#counters.health(this.#settings.slot) & HealthBit.Returning) !== 0
  }

  /** The most requests that it may have in flight, of all workers together. */
  get limit(): number {
    return Math.min(this.#settings.maxConnections || UNLIMITED, UNLIMITED)
  }

  /** The requests that it has in flight, of all workers together. */
  get inFlight(): number {
    return this.#counters.inFlight(this.#settings.slot)
  }

  /** Whether it has the most requests in flight, whether or not it may serve otherwise. */
  get isFull(): boolean {
    const { maxConnections } = this.#settings
    return maxConnections > 0 && this.inFlight >= maxConnections
  }

  #ailment(health: number, now: number): Refusal | undefined {
    if (health & HealthBit.Panic) return undefined
    const isReturning = (health & HealthBit.Returning) !== 0
    if (health & HealthBit.Unhealthy) return isReturning ? 'away' : 'unhealthy'
    if (health & HealthBit.Ejected) return 'ejected'
    if (!this.#suspension.holds(now, health)) return undefined
    return isReturning ? 'away' : 'suspended'
  }

  mayServe(now: number, isOwn = false): boolean {
    return this.refusal(now, isOwn) === undefined
  }

  /** Whether it is suspended and no answer has ended that, so that a request to it is a probe. */
  get isSuspended(): boolean {
    return this.#suspension.isOn
  }

  /** Whether the server may serve, now or once it has a free place. */
  isUp(now: number): boolean {
    const refusal = this.refusal(now)
    return refusal === undefined || refusal === 'full'
  }

  /** For a server that is not up: in how many ms it may be probed; Infinity if that is not a matter of time. */
  untilProbe(now: number): number {
    const refusal = this.refusal(now, this.#settings.ending)
    if (refusal !== 'suspended' && refusal !== 'away') return Infinity
    const isUnhealthy = (this.#counters.health(this.#settings.slot) & HealthBit.Unhealthy) !== 0
    if (this.#settings.away || isUnhealthy) return Infinity
    return this.#suspension.untilProbe(now)
  }

  /** The effective weight at time `now`: a fraction of the configured one while a returned server warms up. */
  weight(now: number): number {
    const { weight, slowStart } = this.#settings
    return weight * this.#warmUp.share(now, slowStart)
  }

  /** In how many ms `weight` changes; Infinity if it does not. */
  untilStep(now: number): number {
    return this.#warmUp.untilStep(now, this.#settings.slowStart)
  }

  /**
   * Takes a place for a request that is about to be sent to this server; `release` gives it back. While the server is
   * suspended, only one request at a time may go there, as its probe.
   *
   * @returns whether the request may go: false if another thread has just taken the last place, or the probe
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
   * Takes a place on a server that is only suspended, as one more probe of it.
   *
   * @returns whether the request may go: false if there is no free place
   */
  claimAnyway(now: number): boolean {
    const { slot, maxConnections } = this.#settings
    if (!this.#counters.acquire(slot, this.#worker, maxConnections)) return false
    this.#suspension.probe(now)
    this.#counters.countRequest(slot)
    return true
  }

  /** Whether its last failure is older than that of another server. */
  failedBefore(other: ServerState): boolean {
    const { slot } = this.#settings
    return ((this.#counters.failedAt(slot) - this.#counters.failedAt(other.settings.slot)) | 0) < 0
  }

  /** Gives back what `claim` took, once the exchange on this server is over. */
  release(): void {
    const { slot, maxConnections } = this.#settings
    this.#counters.release(slot, this.#worker)
    // One that was removed may be back by now, with a limit.
    if (maxConnections > 0 || this.#isRemoved) this.#queues.wakeOne(slot, this.#upstream)
  }

  /** An exchange that has claimed a place here has switched protocols; `closeTunnel` follows before `release`. */
  openTunnel(): void {
    this.#counters.openTunnel(this.#settings.slot, this.#worker)
  }

  closeTunnel(): void {
    this.#counters.closeTunnel(this.#settings.slot, this.#worker)
  }

  #mayGo(now: number): boolean {
    if (this.#maxFails === 0 && !this.#isReturning) return true
    const admitted = this.#suspension.admits(now)
    if (admitted === 'probe') this.#turns.bumpEpoch(this.#upstream)
    return admitted !== false
  }

  /**
   * An attempt on this server failed, which was made on that incarnation of it: on another, it says nothing of the one that is there
   * now. If the server was removed, its slot may be another's. One failure suspends a server that is back and has not answered
   * yet, since it may not listen yet.
   *
   * @returns whether the failure suspended a server that is not just starting
   */
  failed(now: number, incarnation = this.#incarnation): boolean {
    if (this.#isRemoved) return false
    const { slot } = this.#settings
    this.#counters.countFailure(slot)
    if (incarnation !== this.#incarnation) return false
    const isReturning = this.#isReturning
    const limit = isReturning ? 1 : this.#maxFails
    const suspended = this.#suspension.failed(now, limit)
    if (suspended === undefined) return false
    this.#turns.bumpEpoch(this.#upstream)
    return !isReturning && suspended === 'begun'
  }

  /**
   * An attempt on this server, which was made on that incarnation of it, failed before the server had seen any of the request. If
   * that says only that it ends or starts, it counts as away until it answers: one request at a time tries it.
   *
   * @param isGone whether nothing listens there, and no other server may serve: its source says in a moment what has become of it
   * @returns whether the request may wait for it
   */
  expectBack(now: number, incarnation: number, isGone: boolean): boolean {
    if (this.#isRemoved) return false
    const { slot, away, returns, ending } = this.#settings
    if (away || incarnation !== this.#incarnation) return true
    if (!ending && !(returns && isGone) && !this.#isReturning) return false
    this.#counters.setHealth(slot, HealthBit.Returning)
    this.failed(now)
    return true
  }

  /**
   * An attempt succeeded, now or at time `now`. Returns whether that ended a suspension.
   *
   * @param begunAt when the attempt began
   */
  succeeded(now?: number, begunAt?: number): boolean {
    if (this.#mayBeReturning || this.#settings.returns) this.#noteAnswer(begunAt)
    if (this.#maxFails === 0 || !this.#suspension.succeeded()) return false
    this.returned(now ?? clock())
    return true
  }

  /**
   * The first answer to this worker shows that the server does not just start; unless it is one to a request that the server had
   * taken before it began to refuse others.
   */
  #noteAnswer(begunAt: number | undefined): void {
    const { slot } = this.#settings
    const isReturning = (this.#counters.health(slot) & HealthBit.Returning) !== 0
    if (isReturning && begunAt !== undefined && this.#suspension.hasFailedSince(begunAt)) return
    this.#mayBeReturning = false
    if (!isReturning) return
    const before = this.#counters.clearHealth(slot, HealthBit.Returning)
    if (before & HealthBit.Returning) this.#endSuspension()
  }

  /**
   * Counts an answer, or a failure to answer, for outlier detection.
   *
   * @param good whether that was an answer below 500
   * @returns how many bad ones there are in a row now
   */
  answered(good: boolean): number {
    if (!good) return this.#counters.countBad(this.#settings.slot)
    this.#counters.countGood(this.#settings.slot)
    return 0
  }

  /** The server serves again after it was out: it warms up over its `slowStart`. */
  returned(now: number): void {
    this.#warmUp.begin(now)
    this.#turns.bumpEpoch(this.#upstream)
  }
}

/** Whether another process answers under the same name now. */
function isAnother(before: Server, next: Server): boolean {
  if (before === next) return false
  const isBack = before.away === true && next.away !== true
  if (before.incarnation !== next.incarnation && before.incarnation !== undefined) return true
  return isBack || before.address !== next.address || !isSameEndpoint(before.endpoint, next.endpoint)
}

/** The servers that are not backups. */
export function primariesOf(servers: readonly ServerState[]): ServerState[] {
  return servers.filter((server) => !server.settings.backup)
}
