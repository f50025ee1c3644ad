import type { Affinity, BodyReader, Session, SessionResponse } from '../affinity/affinity.ts'
import type { ServerState } from '../balancing/server-state.ts'
import { wallSeconds } from '../runtime/clock.ts'
import type { Server } from '../runtime/snapshot.ts'
import { Failure } from './failure.ts'
import { Wait } from './queue.ts'
import type { Loss, Reason } from './reason.ts'
import type { RequestView } from './request-view.ts'
import type { UpstreamGroup } from './upstream-group.ts'

const NOBODY: readonly ServerState[] = []

/**
 * When a server is asked for: at the request's arrival, or a retry's; when its turn in the queue has come; or when it may
 * not wait (any longer), for that reason.
 */
export type Occasion = 'arrival' | 'turn' | 'queue-full' | 'queue-timeout'

/**
 * What a request gets at the server that it belongs to: that server, claimed, or a place in line for it (`awaited`). Else it
 * goes elsewhere: it belongs to no server (`free`), one has failed it already (`failed`), or it has lost its own.
 */
type AtHome = ServerState | 'awaited' | Elsewhere
type Elsewhere = 'free' | 'failed' | Loss

/**
 * Which servers of its upstream an exchange goes to, one attempt after the other, and why. Affinity, what servers may do
 * and the policy meet here, and only here; docs/sessions.md has it as a table.
 */
export class Placement {
  readonly group: UpstreamGroup
  /** Why the exchange went where it went last, or why it went nowhere. */
  reason: Reason | undefined
  /** What is hashed, where something is. */
  readonly #key: Uint8Array
  /** The session that the request showed, the affinity that read it, and its server where the session says so. */
  #shown: Session | undefined
  #affinity: Affinity | undefined
  readonly #sessionHome: ServerState | undefined
  /** The request's, in its normal form. */
  readonly #path: string
  /** Whether the answer's body may name a session. */
  readonly #expectsBody: boolean
  /** Its visit of the session table, and as which session, on which server: -1 where it is on none. */
  #visit = -1
  #visitor: Session | undefined
  #visited = -1
  /**
   * The session's own server, where it is asked and was well until then. If it fails, another one serves this request and the
   * session stays; it moves with the next request that its server cannot serve either.
   */
  #staysOn: ServerState | undefined
  /** Where it has been since it last waited. */
  #tried = NOBODY
  #tries = 0
  /** Where it is. */
  #server: ServerState | undefined

  private constructor(
    group: UpstreamGroup,
    session: Session | undefined,
    key: Uint8Array,
    path: string,
    expectsBody: boolean,
  ) {
    this.group = group
    this.#affinity = group.affinity
    this.#shown = session
    this.#sessionHome = session?.home === undefined ? undefined : group.serverIn(session.home)
    this.#key = key
    this.#path = path
    this.#expectsBody = expectsBody
  }

  /** Finds out which session a request belongs to, and by what its server is chosen. */
  static of(group: UpstreamGroup, request: RequestView): Placement {
    const { affinity, sample, settings } = group
    const session = affinity?.read(request, wallSeconds())
    const expectsBody = affinity?.expectsBody?.(request) === true
    const key = session?.key ?? request.key(settings.balance)
    if (sample?.isDue()) sample.add(request.address, group.policyOf(session).home?.(key)?.settings.name)
    return new Placement(group, session, key, request.path, expectsBody)
  }

  /** How many servers the exchange has been to. */
  get tries(): number {
    return this.#tries
  }

  /** Forgets the session if the upstream's affinity is another by now, which knows nothing of it. */
  #forgetIfForeign(): void {
    if (this.group.affinity === this.#affinity) return
    this.#affinity = undefined
    this.#shown = undefined
  }

  /**
   * Picks a server that has not been tried, and claims it; or says what to wait for, or why there is none. A new request gets
   * in line behind those of this worker that wait for the same.
   */
  next(time: number, occasion: Occasion = 'arrival'): ServerState | Wait | Failure {
    if (this.group.isRetired) return new Failure('no-server')
    this.#forgetIfForeign()
    const home = this.#home()
    const atHome = this.#tries > 0 ? 'failed' : this.#askHome(home, time, occasion)
    if (atHome === 'awaited') return new Wait(home)
    if (typeof atHome === 'object') return this.#goTo(atHome, this.#reasonFor(atHome, home, 'free'))
    const loss = atHome === 'failed' ? 'down' : atHome
    // A key whose server drains, and whose session was never there, has lost nothing.
    if (loss !== 'free' && loss !== 'drained' && this.#isRefused(home)) {
      this.reason = `refused:${loss}`
      return new Failure('session-lost')
    }
    const server = this.#pick(time, occasion) ?? this.#lastResort(time)
    if (server !== undefined) return this.#goTo(server, this.#reasonFor(server, home, atHome))
    if (!this.#isAllFull(time)) return new Failure('no-server')
    if (!this.#mayWait(occasion)) return new Failure(occasion === 'queue-timeout' ? occasion : 'queue-full')
    // By the time that a place is free, a server that failed the request may have come round.
    this.#tried = NOBODY
    return new Wait(undefined)
  }

  /** Asks the server that the request belongs to for a place, if it is bound to that one. */
  #askHome(home: ServerState | undefined, time: number, occasion: Occasion): AtHome {
    const session = this.#shown
    if (home === undefined) return session?.standing === 'removed' ? 'removed' : 'free'
    // Without a session, whether to go there is the policy's business.
    if (session === undefined) return this.#lossOf(home, false, time) ?? 'free'
    if (home.isRemoved) return 'removed'
    const isOwn = this.#isRemembered(home)
    const mayWait = this.#mayWait(occasion)
    const { queue } = this.group
    if (mayWait && occasion === 'arrival' && (queue.isAwaited(home) || queue.isAwaited(undefined))) return 'awaited'
    if (home.mayServe(time, isOwn) && home.claim(time)) {
      if (isOwn && !home.isSuspended) this.#staysOn = home
      return home
    }
    // If its own server is as good as any, the session stays.
    if (home.refusal(time, isOwn) === 'suspended' && this.#areAllOut(time) && home.claimAnyway(time)) return home
    // Where nothing is amiss, another thread took the last place just now.
    const loss = this.#lossOf(home, isOwn, time) ?? 'full'
    return loss === 'full' && mayWait ? 'awaited' : loss
  }

  #mayWait(occasion: Occasion): boolean {
    return occasion === 'turn' || (occasion === 'arrival' && this.group.settings.queue.size > 0)
  }

  #pick(time: number, occasion: Occasion): ServerState | undefined {
    const { queue, servers } = this.group
    const policy = this.group.policyOf(this.#shown)
    if (occasion !== 'arrival' || queue.isEmpty)
      return this.#lastPlace(time) ?? policy.pick(this.#key, this.#tried, time)
    if (queue.isAwaited(undefined)) return undefined
    return policy.pick(this.#key, [...this.#tried, ...servers.filter((server) => queue.isAwaited(server))], time)
  }

  /** Whether no server may serve now or once it has a place free. */
  #areAllOut(time: number): boolean {
    return !this.group.servers.some((server) => server.isUp(time))
  }

  /**
   * When failures of requests alone would leave nobody, they count for nothing: of the servers that only these keep out, and
   * that this request has not been to, the one that failed longest ago.
   */
  #lastResort(time: number): ServerState | undefined {
    if (!this.#areAllOut(time)) return undefined
    let oldest: ServerState | undefined
    for (const server of this.group.servers) {
      if (server.refusal(time) !== 'suspended' || server.isFull || this.#tried.includes(server)) continue
      if (oldest === undefined || server.failedBefore(oldest)) oldest = server
    }
    return oldest?.claimAnyway(time) ? oldest : undefined
  }

  /** The server, claimed, that served the session last while its own could not: it may have left something there. */
  #lastPlace(time: number): ServerState | undefined {
    const session = this.#shown
    if (session?.home === undefined || !this.#isCarried) return undefined
    const slot = this.group.sessions.find(session.high, session.low, wallSeconds())
    if (slot < 0 || slot === session.home) return undefined
    const server = this.group.serverIn(slot)
    if (server === undefined || this.#tried.includes(server) || !server.mayServe(time)) return undefined
    return server.claim(time) ? server : undefined
  }

  /** Whether clients carry along which server their session is on, so that the table may say where it was served last. */
  get #isCarried(): boolean {
    return this.group.affinity?.issue !== undefined
  }

  /** Whether nothing but a place is missing on the servers that are up. */
  #isAllFull(time: number): boolean {
    const { queue, servers } = this.group
    const areAllOut = this.#areAllOut(time)
    let isAnyUp = false
    for (const server of servers) {
      const refusal = server.refusal(time)
      // Free places that others wait for are as good as taken; and so is one that was given back since the policy looked.
      const isOpen = refusal === undefined && !queue.isAwaited(server) && !queue.isAwaited(undefined)
      if (isOpen && this.#tried.includes(server)) return false
      isAnyUp ||= refusal === undefined || refusal === 'full' || (areAllOut && refusal === 'suspended' && server.isFull)
    }
    return isAnyUp
  }

  /** The server that the request belongs to, whether or not that may serve it. */
  #home(): ServerState | undefined {
    const session = this.#shown
    if (session?.home !== undefined) return this.#sessionHome
    // Where sessions are remembered, what the policy would do with the request makes it nobody's.
    if (session !== undefined && session.key === undefined) return undefined
    return this.group.policyOf(session).home?.(this.#key)
  }

  /** Whether the session is on that server by memory, and not just by a hash that would have it there. */
  #isRemembered(home: ServerState): boolean {
    const session = this.#shown
    if (session === undefined) return false
    if (session.home !== undefined) return true
    const { drain, slot } = home.settings
    return drain && this.group.sessions.find(session.high, session.low, wallSeconds()) === slot
  }

  /** Whether a session that has lost its server is to be refused instead of moved. */
  #isRefused(home: ServerState | undefined): boolean {
    const session = this.#shown
    if (session === undefined || this.group.settings.affinity?.onLost !== 'refuse') return false
    const { standing } = session
    return standing === 'removed' || (home !== undefined && (standing === 'known' || standing === 'new'))
  }

  /** What keeps the server from serving the request; undefined for nothing. */
  #lossOf(home: ServerState, isOwn: boolean, time: number): Loss | undefined {
    const refusal = home.refusal(time, isOwn)
    switch (refusal) {
      case undefined:
      case 'removed':
      case 'drained':
      case 'full':
        return refusal
      case 'suspended':
        return home.isFull && this.#areAllOut(time) ? 'full' : 'down'
      default:
        return 'down'
    }
  }

  #reasonFor(server: ServerState, home: ServerState | undefined, why: Elsewhere): Reason {
    if (why === 'failed') return 'retry'
    const standing = this.#shown?.standing
    if (standing === 'invalid' || standing === 'expired') return standing
    if (server === home) return 'stuck'
    if (why !== 'free') return `moved:${why}`
    // Not refused by itself: its share of a bounded load is full.
    return home === undefined ? 'new' : 'moved:full'
  }

  #goTo(server: ServerState, reason: Reason): ServerState {
    this.reason = reason
    this.#server = server
    this.#tried = this.#tried === NOBODY ? [server] : [...this.#tried, server]
    this.#tries++
    const session = this.#shown
    if (session === undefined || this.#visit >= 0) return server
    // A session that the server has is active from here on. Any other begins, or moves, once the server has answered.
    const { settings } = server
    const seconds = wallSeconds()
    const last = this.group.sessions.find(session.high, session.low, seconds)
    if (last === settings.slot) this.#enter(session, settings, seconds)
    // Its own server failed the request before this one: if it does so again, that is no passing trouble.
    else if (last >= 0) this.#staysOn = undefined
    return server
  }

  /** From here on the exchange is one of that session, on that server, and of no other. */
  #enter(session: Session, { slot }: Server, seconds: number): void {
    const { high, low } = session
    const visitor = this.#visitor
    if (this.#visit >= 0 && slot === this.#visited && high === visitor!.high && low === visitor!.low) return
    const visit = this.group.sessions.enter(high, low, slot, seconds)
    this.#leave(seconds)
    this.#visitor = session
    this.#visited = slot
    this.#visit = visit
  }

  /**
   * The field lines that inform the client of its session, now that a server has answered; empty for nothing. A server that was
   * removed meanwhile is given no session.
   */
  answered(response: SessionResponse, isSecure: boolean): string {
    this.#forgetIfForeign()
    const affinity = this.#affinity
    const server = this.#server
    if (affinity === undefined || server === undefined || server.isRemoved) return ''
    const seconds = wallSeconds()
    const session = this.#shown && this.#settle(this.#shown, server, seconds)
    const learnt = affinity.learn?.(response, server.settings, seconds, this.#shown, this.#path)
    if (learnt !== undefined) this.#enter(learnt, server.settings, seconds)
    return session === undefined || session === this.#shown ? '' : (affinity.issue?.(session, isSecure) ?? '')
  }

  /** The session as it goes on, now that that server has answered a request of it; and puts it on the table. */
  #settle(session: Session, server: ServerState, seconds: number): Session {
    const { settings } = server
    if (this.#staysOn !== undefined && this.#staysOn !== server) {
      if (this.#isCarried) this.#enter(session, settings, seconds)
      return session
    }
    const settled = this.#affinity!.settle(session, settings, seconds)
    this.#enter(settled, settings, seconds)
    return settled
  }

  /** What is to see the first bytes of the response's body before the client does; undefined for nothing. */
  readerOf(response: SessionResponse): BodyReader | undefined {
    const server = this.#server
    if (!this.#expectsBody || server === undefined || server.isRemoved) return undefined
    return this.#affinity?.readerOf?.(response, server.settings, wallSeconds())
  }

  /** The field lines that inform the client of its session, when no server will serve it. */
  refused(isSecure: boolean): string {
    return this.reason === 'refused:removed' ? (this.group.affinity?.revoke?.(isSecure) ?? '') : ''
  }

  /** The exchange is over. */
  end(): void {
    if (this.#visit >= 0) this.#leave(wallSeconds())
  }

  #leave(seconds: number): void {
    if (this.#visit < 0) return
    this.group.sessions.leave(this.#visit, this.#visitor!.high, this.#visitor!.low, seconds)
    this.#visit = -1
  }
}
