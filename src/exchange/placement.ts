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
 * When a server is picked: when a request or a retry arrives; when its turn in the queue has come; or when it may not
 * wait, or no longer, for the reason given.
 */
export type Occasion = 'arrival' | 'turn' | 'queue-full' | 'queue-timeout'

/**
 * The answer of the server that the request is bound to: that server, claimed, or a place in its line (`awaited`).
 * Otherwise the request goes elsewhere: it is bound to no server (`free`), a server has failed it already (`failed`),
 * or its server cannot serve it (the `Loss`).
 */
type AtHome = ServerState | 'awaited' | Elsewhere
type Elsewhere = 'free' | 'failed' | Loss

/**
 * Decides which server of its upstream each attempt of an exchange goes to, and why. Only here do affinity, server
 * state and policy come together; docs/sessions.md has the rules as a table.
 */
export class Placement {
  readonly group: UpstreamGroup
  /** Why the exchange went to its last server, or to none. */
  reason: Reason | undefined
  /** Whether the response may begin or move a session that only the table knows. */
  isSessionNew = false
  /** The key that is hashed; empty for none. */
  readonly #key: Uint8Array
  /**
   * The session that the request showed, the affinity that read it, and the session's server if the session names one.
   */
  #shown: Session | undefined
  #affinity: Affinity | undefined
  readonly #sessionHome: ServerState | undefined
  /** The request's path, normalised. */
  readonly #path: string
  /** Whether the body of the response may contain a session's id. */
  readonly #expectsBody: boolean
  /**
   * The entry in the session table in which this exchange counts as in flight (-1: in none), with its session and the
   * slot of its server.
   */
  #visit = -1
  #visitor: Session | undefined
  #visited = -1
  /**
   * The session's own server, if it gets the request and was not suspended. If it fails, another server serves this
   * request and the session stays; the session moves with the next request that its own server cannot serve either.
   */
  #staysOn: ServerState | undefined
  /** The servers that the exchange has tried since it last waited. */
  #tried = NOBODY
  #tries = 0
  /** The current or the last server. */
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

  /** Reads the session of a request, and the key by which its server is chosen. */
  static of(group: UpstreamGroup, request: RequestView): Placement {
    const { affinity, sample, settings } = group
    const session = affinity?.read(request, wallSeconds())
    const expectsBody = affinity?.expectsBody?.(request) === true
    const key = session?.key ?? request.key(settings.balance)
    if (sample?.isDue()) sample.add(request.address, group.policyOf(session).home?.(key)?.settings.name)
    return new Placement(group, session, key, request.path, expectsBody)
  }

  /** How many servers the exchange has tried. */
  get tries(): number {
    return this.#tries
  }

  /** Forgets the session if the upstream's affinity has been replaced since: the new one cannot read it. */
  #forgetIfForeign(): void {
    if (this.group.affinity === this.#affinity) return
    this.#affinity = undefined
    this.#shown = undefined
  }

  /**
   * Picks a server that has not been tried and claims it; or returns what to wait for, or why there is no server. A new
   * request queues behind those of this worker that wait for the same place.
   */
  next(time: number, occasion: Occasion = 'arrival'): ServerState | Wait | Failure {
    if (this.group.isRetired) return new Failure('no-server')
    this.#forgetIfForeign()
    const home = this.#home()
    const atHome = this.#tries > 0 ? 'failed' : this.#askHome(home, time, occasion)
    if (atHome === 'awaited') return new Wait(home)
    if (typeof atHome === 'object') return this.#goTo(atHome, this.#reasonFor(atHome, home, 'free'))
    const loss = atHome === 'failed' ? 'down' : atHome
    // A session that was never on the draining server has lost nothing.
    if (loss !== 'free' && loss !== 'drained' && this.#isRefused(home)) {
      this.reason = `refused:${loss}`
      return new Failure('session-lost')
    }
    const server = this.#pick(time, occasion) ?? this.group.claimLastResort(time, this.#tried)
    if (server !== undefined) return this.#goTo(server, this.#reasonFor(server, home, atHome))
    if (!this.group.isAllFull(time, this.#tried)) return new Failure('no-server')
    if (!this.#mayWait(occasion)) return new Failure(occasion === 'queue-timeout' ? occasion : 'queue-full')
    // A server that has failed the request may have recovered by the time a place is free.
    this.#tried = NOBODY
    return new Wait(undefined)
  }

  /** Claims a place on the request's own server, if the request is bound to one. */
  #askHome(home: ServerState | undefined, time: number, occasion: Occasion): AtHome {
    const session = this.#shown
    if (home === undefined) return session?.standing === 'removed' ? 'removed' : 'free'
    // Without a session, the policy decides.
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
    // If no server is up, the session stays on its own.
    if (home.refusal(time, isOwn) === 'suspended' && !this.group.isAnyUp(time) && home.claimAnyway(time)) return home
    // If nothing is wrong, another thread has just taken the last place.
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

  /**
   * The server, claimed, that served the session last while its own could not, since it may hold state of the session.
   */
  #lastPlace(time: number): ServerState | undefined {
    const session = this.#shown
    if (session?.home === undefined || !this.#isCarried) return undefined
    const slot = this.group.sessions.find(session.high, session.low, wallSeconds())
    if (slot < 0 || slot === session.home) return undefined
    const server = this.group.serverIn(slot)
    if (server === undefined || this.#tried.includes(server) || !server.mayServe(time)) return undefined
    return server.claim(time) ? server : undefined
  }

  /**
   * Whether clients carry the server of their session with them, so that the table is free to hold the one that served
   * it last.
   */
  get #isCarried(): boolean {
    return this.group.affinity?.issue !== undefined
  }

  /** The server that the request is bound to, even if it may not serve; undefined for none. */
  #home(): ServerState | undefined {
    const session = this.#shown
    if (session?.home !== undefined) return this.#sessionHome
    // Remembered sessions have no key: the server that the policy would pick is not theirs.
    if (session !== undefined && session.key === undefined) return undefined
    return this.group.policyOf(session).home?.(this.#key)
  }

  /** Whether the session is known to be on that server, and not just tied to it by a hash. */
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

  /** Why the server cannot serve the request; undefined if it can. */
  #lossOf(home: ServerState, isOwn: boolean, time: number): Loss | undefined {
    const refusal = home.refusal(time, isOwn)
    switch (refusal) {
      case undefined:
      case 'removed':
      case 'drained':
      case 'full':
        return refusal
      case 'suspended':
        return home.isFull && !this.group.isAnyUp(time) ? 'full' : 'down'
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
    // The server itself would take it, but has reached its share of a bounded load.
    return home === undefined ? 'new' : 'moved:full'
  }

  #goTo(server: ServerState, reason: Reason): ServerState {
    this.reason = reason
    this.#server = server
    this.#tried = this.#tried === NOBODY ? [server] : [...this.#tried, server]
    this.#tries++
    const session = this.#shown
    if (session === undefined || this.#visit >= 0) return server
    // A session that is on this server counts as active from now on. Any other begins, or moves, once the server has
    // answered.
    const { settings } = server
    const seconds = wallSeconds()
    const last = this.group.sessions.find(session.high, session.low, seconds)
    if (last === settings.slot) this.#enter(session, settings, seconds)
    // Its own server has already failed its last request: if it fails again, the session moves.
    else if (last >= 0) this.#staysOn = undefined
    return server
  }

  /** From now on the exchange counts for that session on that server, and for no other. */
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
   * The field lines that give the client its session, now that a server has answered; empty for none. A server that was
   * removed meanwhile gets no session.
   */
  answered(response: SessionResponse, isSecure: boolean): string {
    this.#forgetIfForeign()
    const affinity = this.#affinity
    const server = this.#server
    if (affinity === undefined || server === undefined || server.isRemoved) return ''
    const seconds = wallSeconds()
    const visit = this.#visit
    const session = this.#shown && this.#settle(this.#shown, server, seconds)
    const learnt = affinity.learn?.(response, server.settings, seconds, this.#shown, this.#path)
    if (learnt !== undefined) this.#enter(learnt, server.settings, seconds)
    this.isSessionNew = affinity.learn !== undefined && this.#visit !== visit
    return session === undefined || session === this.#shown ? '' : (affinity.issue?.(session, isSecure) ?? '')
  }

  /** Updates the session after that server has answered, and records it in the table. */
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

  /** Reads the first bytes of the response's body before the client gets them; undefined for no reader. */
  readerOf(response: SessionResponse): BodyReader | undefined {
    const server = this.#server
    if (!this.#expectsBody || server === undefined || server.isRemoved) return undefined
    const reader = this.#affinity?.readerOf?.(response, server.settings, wallSeconds())
    if (reader !== undefined) this.isSessionNew = true
    return reader
  }

  /** The field lines about its session for a client that no server will serve. */
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
