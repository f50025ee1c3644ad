import { now } from '../runtime/clock.ts'
import type { Route, Server } from '../runtime/snapshot.ts'
import { Attempt } from './attempt.ts'
import type { AttemptOwner } from './attempt-owner.ts'
import { Failure } from './failure.ts'
import type { Occasion, Placement } from './placement.ts'
import { type Ticket, Wait, type Waiter } from './ticket.ts'

/** The exchange whose request is delivered. */
export interface DeliveryOwner extends AttemptOwner {
  readonly route: Route | undefined
  /** No server will answer. */
  undelivered(failure: Failure): void
}

/**
 * A request on its way to a server: has one picked, waits in the queue of its upstream, and goes to another where one fails and
 * that is safe.
 */
export class Delivery implements Waiter {
  readonly placement: Placement
  /** The current or the last attempt; undefined while the request waits. */
  attempt: Attempt | undefined
  waited = 0
  serverNames = ''
  upstreamAddresses = ''
  upstreamStatuses = ''
  readonly #owner: DeliveryOwner
  /** When the request could first go to a server: after its filters, and with what is read of its body before. */
  #readyAt = 0
  /** The server of the attempt before the wait. */
  #lastServer: Server | undefined
  /** An attempt that got no answer: its server is to blame, unless another server gives none to the same request. */
  #suspect: Attempt | undefined
  /** The place in the upstream's queue, valid as long as the request waits there. */
  #ticket: Ticket | undefined
  #waitsSince = 0
  /** How long it has waited before, in ms. */
  #queued = 0
  /** How the attempt before the wait failed. */
  #previous: Failure | undefined

  constructor(owner: DeliveryOwner, placement: Placement) {
    this.#owner = owner
    this.placement = placement
  }

  /** The server that has the request, or had it last. */
  get server(): Server | undefined {
    return this.attempt?.server.settings ?? this.#lastServer
  }

  /** Whether it waits in the queue. */
  get isQueued(): boolean {
    return this.#ticket?.isValid === true
  }

  /** How long it has waited in the queue, in ms. */
  get queued(): number {
    return this.#waitsSince > 0 ? this.#queued + now() - this.#waitsSince : this.#queued
  }

  /** Sends the request to a server, at time `readyAt`. */
  begin(readyAt: number): void {
    this.#readyAt = readyAt
    this.#try(readyAt)
  }

  #try(time: number): void {
    const wait = this.#goOn('arrival', time)
    if (wait !== undefined) this.#waitInQueue(wait)
  }

  /** Makes an attempt on a server that has not been tried, or gives up; or returns what to wait for. */
  #goOn(occasion: Occasion, time: number): Wait | undefined {
    const next = this.placement.next(time, occasion)
    if (next instanceof Wait) return next
    if (this.#waitsSince > 0) {
      this.#queued += time - this.#waitsSince
      this.#waitsSince = 0
    }
    if (next instanceof Failure) {
      // Report the earlier failure rather than the full queue.
      const isFinal = next.code === 'session-lost' || next.code === 'paused'
      this.#owner.undelivered(isFinal ? next : (this.#previous ?? next))
      return undefined
    }
    const { name, address } = next.settings
    this.serverNames = this.serverNames === '' ? name : `${this.serverNames}, ${name}`
    this.upstreamAddresses = this.upstreamAddresses === '' ? address : `${this.upstreamAddresses}, ${address}`
    this.attempt = new Attempt(this.#owner, this.placement.group, next, time)
    this.attempt.begin()
    return undefined
  }

  #waitInQueue(wait: Wait): void {
    const time = now()
    this.#lastServer = this.server
    this.attempt = undefined
    if (!this.#owner.body.goesWithHead) this.#owner.downstream.holdBody()
    this.#waitsSince = time
    this.#ticket = this.placement.group.queue.join(this, wait)
    if (this.#ticket === undefined) this.#goOn('queue-full', time)
  }

  takeTurn(time: number): Wait | 'done' {
    return this.#goOn('turn', time) ?? 'done'
  }

  waitedTooLong(): void {
    this.#goOn('queue-timeout', now())
  }

  /** The attempt failed before its response: tries another server if that is safe, else gives up. */
  failed(failure: Failure): void {
    const attempt = this.attempt!
    this.#noteStatus(failure.status)
    attempt.end()
    if (failure.blame === 'suspect' && this.#suspect !== undefined) {
      // Two servers closed the connection without an answer, so the request is to blame; counted against servers, it
      // would suspend all of them.
      this.#suspect = undefined
      return this.#owner.undelivered(failure)
    }
    const isExcused = attempt.excuses(failure)
    if (isExcused) this.placement.takeBack()
    const triesAgain = this.#mayTryAgain(attempt, failure)
    if (triesAgain && failure.blame === 'suspect') this.#suspect = attempt
    else if (!isExcused) attempt.blame()
    if (!triesAgain) return this.#owner.undelivered(failure)
    this.#previous = isExcused ? undefined : failure
    this.#try(now())
  }

  /** Whether another server may be asked, although one has answered. */
  get mayAskAnother(): boolean {
    return this.#mayTryAgain(this.attempt!, new Failure('answer-refused')) && this.placement.hasAnother(now())
  }

  #mayTryAgain(attempt: Attempt, failure: Failure): boolean {
    const { group, tries } = this.placement
    const { retries } = group.settings
    const { tries: most = retries.tries, within = retries.within } = this.#owner.route?.retries ?? retries
    if (tries >= most || (within > 0 && now() - this.#readyAt - this.#queued > within)) return false
    if (failure.retry === 'idempotent') return attempt.mayRepeat
    return failure.retry === 'always' && attempt.mayResend
  }

  /** A server has answered: one that gave no answer before is to blame for it. */
  answered(status: number): void {
    this.#noteStatus(status)
    this.#clearSuspicion()
  }

  #noteStatus(status: number): void {
    this.upstreamStatuses = this.upstreamStatuses === '' ? String(status) : `${this.upstreamStatuses}, ${status}`
  }

  /** No other server will be tried, so a server that gave no answer is to blame for it. */
  #clearSuspicion(): void {
    this.#suspect?.blame()
    this.#suspect = undefined
  }

  /** The exchange is over. */
  end(): void {
    this.#clearSuspicion()
    this.#ticket?.leave()
    this.#queued = this.queued
    this.#waitsSince = 0
    this.attempt?.end()
    this.placement.end()
  }
}
