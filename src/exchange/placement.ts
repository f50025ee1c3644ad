import type { BodyReader, Session, SessionResponse, Standing } from '../affinity/affinity.ts'
import type { ServerState } from '../balancing/server-state.ts'
import type { Loss, Reason } from '../runtime/reason.ts'
import { ExchangeSession } from './exchange-session.ts'
import { Failure } from './failure.ts'
import { NewUser } from './new-user.ts'
import { claimDestination } from './rebalancing.ts'
import type { RequestView } from './request-view.ts'
import { claimPrimary } from './returning.ts'
import { Wait } from './ticket.ts'
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
  /** Undefined if the upstream has no affinity. */
  readonly #session: ExchangeSession | undefined
  /** Undefined if the request has a session, or others without one do not matter. */
  readonly #newUser: NewUser | undefined
  /** The key that is hashed; empty for none. */
  readonly #key: Uint8Array
  /** How many servers the exchange has been sent to. */
  attempts = 0
  /** The servers that the exchange has tried since it last waited. */
  #tried = NOBODY
  #tries = 0
  /** The current or the last server. */
  #server: ServerState | undefined

  private constructor(
    group: UpstreamGroup,
    session: ExchangeSession | undefined,
    newUser: NewUser | undefined,
    key: Uint8Array,
  ) {
    this.group = group
    this.#session = session
    this.#newUser = newUser
    this.#key = key
  }

  /** Reads the session of a request, and the key by which its server is chosen. */
  static of(group: UpstreamGroup, request: RequestView): Placement {
    const { sample, settings } = group
    const session = ExchangeSession.of(group, request)
    const key = session?.shown?.key ?? request.key(settings.balance)
    if (sample?.isDue()) sample.add(request.address, group.policyOf(session?.shown).home?.(key)?.settings.name)
    return new Placement(group, session, NewUser.of(group, session?.shown, request), key)
  }

  /** Of a session's next request, as far as the table knows the session (`Affinity.recall`). */
  static recalled(group: UpstreamGroup, session: Session | undefined, key: Uint8Array): Placement {
    return new Placement(group, ExchangeSession.recalled(group, session), undefined, session?.key ?? key)
  }

  /** How many servers the exchange has tried: `attempts` without those that were taken back. */
  get tries(): number {
    return this.#tries
  }

  /** Whether the response may begin or move a session that only the table knows. */
  get isSessionNew(): boolean {
    return this.#session?.isNew === true
  }

  /** What the session is that the request has shown; undefined if it has shown none. */
  get standing(): Standing | undefined {
    return this.#shown?.standing
  }

  /** The session that the request has shown. */
  get #shown(): Session | undefined {
    return this.#session?.shown
  }

  /** Whether any server may serve the request now that has not been tried. */
  hasAnother(time: number): boolean {
    if (this.group.isRetired || this.group.queue.pause.isOn || this.#isRefused(this.#home(), 'down')) return false
    return this.group.servers.some((server) => !this.#tried.includes(server) && server.mayServe(time))
  }

  // ── the decision ───────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Picks a server that has not been tried and claims it; or returns what to wait for, or why there is no server. A new
   * request queues behind those of this worker that wait for the same place.
   */
  next(time: number, occasion: Occasion = 'arrival'): ServerState | Wait | Failure {
    if (this.group.isRetired) return new Failure('no-server')
    const home = this.#home()
    if (this.group.queue.pause.isOn) return this.#waitForPause(home, occasion)
    const destination = this.#claimDestination(home, time, occasion)
    if (destination !== undefined) return this.#goTo(destination, 'moved:rebalanced')
    const primary = this.#claimPrimary(home, time, occasion)
    if (primary !== undefined) return this.#goTo(primary, 'moved:backup')
    // Not if the server has failed to which the session was about to move.
    const wasMoving = this.reason === 'moved:rebalanced' || this.reason === 'moved:backup'
    const hasFailed = this.#tries > 0 && !wasMoving
    const atHome = hasFailed ? 'failed' : this.#askHome(home, time, occasion)
    if (atHome === 'awaited') return new Wait(home)
    if (typeof atHome === 'object') return this.#goTo(atHome, this.#reasonFor(atHome, home, 'free'))
    const loss = atHome === 'failed' ? 'down' : atHome
    if (atHome !== 'failed' && atHome !== 'free') this.#session?.loses(home, atHome)
    if (loss !== 'free' && this.#isRefused(home, loss)) {
      this.reason = `refused:${loss}`
      return new Failure('session-lost')
    }
    const server = this.#pick(time, occasion) ?? this.group.claimLastResort(time, this.#tried, home)
    if (server !== undefined) return this.#goTo(server, this.#reasonFor(server, home, atHome))
    const mayServeLater = this.group.mayServeLater(time, this.#tried)
    // Its own server may be one that will serve nobody else.
    if (!mayServeLater && !(loss === 'away' && this.#tries === 0)) return new Failure('no-server')
    if (!this.#mayWait(occasion)) return new Failure(occasion === 'queue-timeout' ? occasion : 'queue-full')
    // A server that has failed the request may have recovered by the time a place is free.
    this.#tried = NOBODY
    return new Wait(mayServeLater ? undefined : home)
  }

  /** The request is to wait where it would if its servers were full, so that it blocks no other when the pause ends. */
  #waitForPause(home: ServerState | undefined, occasion: Occasion): Wait | Failure {
    if (!this.#mayWait(occasion)) return new Failure('paused', '', { retryAfter: this.group.queue.pause.secondsLeft })
    this.#tried = NOBODY
    return new Wait(this.#tries > 0 || home?.isRemoved ? undefined : home)
  }

  /** The server that the request is bound to, even if it may not serve; undefined for none. */
  #home(): ServerState | undefined {
    if (this.#newUser !== undefined) return undefined
    const session = this.#shown
    if (session === undefined) return this.group.policy.home?.(this.#key)
    const home = session.home === undefined ? this.#hashedHome(session) : this.#session!.named
    return home === undefined || session.key === undefined ? home : this.#session!.homeInsteadOf(home)
  }

  /** The server to which a hash ties a session; undefined for one that is remembered, or has lost the server that it names. */
  #hashedHome({ key, standing }: Session): ServerState | undefined {
    return key === undefined || standing === 'removed' ? undefined : this.group.keyPolicy.home?.(key)
  }

  /** A server to which a session moves from its own so that their loads become equal, claimed; undefined if it stays. */
  #claimDestination(home: ServerState | undefined, time: number, occasion: Occasion): ServerState | undefined {
    if (this.group.settings.rebalance === undefined || home === undefined) return undefined
    if (occasion !== 'arrival' || this.#tries > 0 || this.#shown?.home === undefined) return undefined
    if (home.settings.away) return undefined
    return claimDestination(this.#session!, home, this.group, time)
  }

  /** A server that is no backup, to which a session moves from one that is, claimed; undefined if it stays. */
  #claimPrimary(home: ServerState | undefined, time: number, occasion: Occasion): ServerState | undefined {
    if (this.group.settings.affinity?.onBackup !== 'return' || home?.settings.backup !== true) return undefined
    if (occasion !== 'arrival' || this.#tries > 0 || this.#shown?.home === undefined) return undefined
    return claimPrimary(this.#session!, home, this.group, this.#key, time)
  }

  /** Claims a place on the request's own server, if the request is bound to one. */
  #askHome(home: ServerState | undefined, time: number, occasion: Occasion): AtHome {
    const session = this.#shown
    if (home === undefined) return session?.standing === 'removed' ? 'removed' : 'free'
    // Without a session, the policy decides.
    if (session === undefined) return lossOf(home, false, this.group, time) ?? 'free'
    if (home.isRemoved) return 'removed'
    const isOwn = this.#session!.isOn(home)
    const mayWait = this.#mayWait(occasion)
    if (mayWait && this.#isAwaited(home, occasion)) return 'awaited'
    if (home.mayServe(time, isOwn) && home.claim(time)) {
      if (isOwn) this.#session!.goesHome(home)
      return home
    }
    // If no server is up, the session stays on its own.
    if (home.refusal(time, isOwn) === 'suspended' && !this.group.isAnyUp(time) && home.claimAnyway(time)) return home
    // If nothing is wrong, another thread has just taken the last place.
    const loss = lossOf(home, isOwn, this.group, time) ?? 'full'
    const isWorthWaiting = loss === 'full' || (loss === 'away' && this.#isRefused(home, loss))
    return isWorthWaiting && mayWait ? 'awaited' : loss
  }

  #mayWait(occasion: Occasion): boolean {
    return occasion === 'turn' || (occasion === 'arrival' && this.group.settings.queue.size > 0)
  }

  /** Whether a session that has lost its server is to be refused instead of moved. */
  #isRefused(home: ServerState | undefined, loss: Loss): boolean {
    const session = this.#shown
    if (session === undefined) return false
    // A session that was never on the draining server has lost nothing, and the operator has decided about the others.
    if (loss === 'drained') return home!.settings.ownSessions === 'refuse' && this.#session!.isOn(home!)
    if (this.group.settings.affinity?.onLost !== 'refuse') return false
    const { standing } = session
    return standing === 'removed' || (home !== undefined && (standing === 'known' || standing === 'new'))
  }

  #pick(time: number, occasion: Occasion): ServerState | undefined {
    const user = this.#newUser
    if (user === undefined) return this.#pickByPolicy(time, occasion)
    user.lock()
    try {
      return this.#pickFor(user, time, occasion)
    } finally {
      user.unlock()
    }
  }

  /** Picks the server of the new user's first request. If that one is not up, or there was none, this request is the first. */
  #pickFor(user: NewUser, time: number, occasion: Occasion): ServerState | undefined {
    const first = user.server(time)
    const mayFollow = first !== undefined && !this.#tried.includes(first) && first.isUp(time)
    if (mayFollow && !this.#isAwaited(first, occasion) && first.claim(time)) return first
    const server = this.#pickByPolicy(time, occasion)
    if (server !== undefined && !mayFollow) user.beginOn(server, time)
    return server
  }

  /** Whether requests that came before this one wait for a place on that server. */
  #isAwaited(server: ServerState, occasion: Occasion): boolean {
    const { queue } = this.group
    return occasion === 'arrival' && (queue.isAwaited(server) || queue.isAwaited(undefined))
  }

  #pickByPolicy(time: number, occasion: Occasion): ServerState | undefined {
    const { queue, servers } = this.group
    const detour = this.#session?.detour()
    const policy = detour === undefined ? this.group.policyOf(this.#shown) : this.group.keyPolicy
    const key = detour ?? this.#key
    if (occasion !== 'arrival' || queue.isEmpty)
      return this.#claimLastPlace(time) ?? policy.pick(key, this.#tried, time)
    if (queue.isAwaited(undefined)) return undefined
    return policy.pick(key, [...this.#tried, ...servers.filter((server) => queue.isAwaited(server))], time)
  }

  #claimLastPlace(time: number): ServerState | undefined {
    const server = this.#session?.lastPlace()
    if (server === undefined || this.#tried.includes(server) || !server.mayServe(time)) return undefined
    return server.claim(time) ? server : undefined
  }

  #reasonFor(server: ServerState, home: ServerState | undefined, why: Elsewhere): Reason {
    if (why === 'failed' || this.#tries > 0) return 'retry'
    const standing = this.#shown?.standing
    if (standing === 'invalid' || standing === 'expired') return standing
    if (server === home) return 'stuck'
    if (why === 'away') return why
    if (why !== 'free') return `moved:${why}`
    // The server itself would take it, but has reached its share of a bounded load.
    return home === undefined ? 'new' : 'moved:full'
  }

  #goTo(server: ServerState, reason: Reason): ServerState {
    this.reason = reason
    this.#server = server
    this.#tried = this.#tried === NOBODY ? [server] : [...this.#tried, server]
    this.#tries++
    this.attempts++
    this.#session?.attempts(server)
    return server
  }

  /** The last server has not seen the request, since it ends or starts: that was no try. */
  takeBack(): void {
    this.#tries--
    this.#tried = this.#tried.filter((server) => server !== this.#server)
  }

  // ── what comes of it ───────────────────────────────────────────────────────────────────────────────────────────

  /**
   * The field lines that give the client its session, now that a server has answered; empty for none. A server that was
   * removed meanwhile gets no session.
   */
  answered(response: SessionResponse, isSecure: boolean): string {
    const server = this.#server
    if (server === undefined || server.isRemoved) return ''
    return this.#session?.answered(server, response, isSecure) ?? ''
  }

  /** Reads the first bytes of the response's body before the client gets them; undefined for no reader. */
  readerOf(response: SessionResponse): BodyReader | undefined {
    const server = this.#server
    if (server === undefined || server.isRemoved) return undefined
    return this.#session?.readerOf(server, response)
  }

  /**
   * No server will serve the client. If its own server will not come back, the session ends, so that the next request begins
   * another. Returns the field lines about that; empty for none.
   */
  refused(isSecure: boolean): string {
    const isOver = this.reason === 'refused:removed' || this.reason === 'refused:drained'
    return isOver ? this.#session!.revoke(isSecure) : ''
  }

  /** The exchange is over. */
  end(): void {
    this.#session?.end()
  }
}

/**
 * Why the server cannot serve the request; undefined if it can.
 *
 * @param isOwn whether the request's session is on this server
 */
function lossOf(home: ServerState, isOwn: boolean, group: UpstreamGroup, time: number): Loss | undefined {
  const refusal = home.refusal(time, isOwn)
  const { drain, returns } = home.settings
  switch (refusal) {
    case undefined:
    case 'removed':
    case 'drained':
    case 'away':
    case 'full':
      return refusal
    case 'suspended':
      if (home.isFull && !group.isAnyUp(time)) return 'full'
      // Its source says in a moment whether it is away or gone.
      return returns ? 'away' : 'down'
    case 'unhealthy':
      // It has been told to stop, and does so.
      return returns && drain ? 'away' : 'down'
    default:
      return 'down'
  }
}
