import { type Affinity, type BodyReader, PRIVATE, type Session, type SessionResponse } from '../affinity/affinity.ts'
import { bytesOfId } from '../affinity/session-id.ts'
import type { ServerState } from '../balancing/server-state.ts'
import { wallSeconds } from '../runtime/clock.ts'
import type { Loss } from '../runtime/reason.ts'
import type { RequestView } from './request-view.ts'
import { SessionVisit } from './session-visit.ts'
import type { UpstreamGroup } from './upstream-group.ts'

/**
 * The session of an exchange: what the request shows of it, which server it is on, and how it goes on once a server has
 * answered.
 */
export class ExchangeSession {
  readonly #group: UpstreamGroup
  /** The affinity that has read the request. */
  readonly #affinity: Affinity
  readonly #shown: Session | undefined
  /** The request's path, normalised. */
  readonly #path: string
  /** Whether the body of the response may contain a session's id. */
  readonly #expectsBody: boolean
  /** The server that the session itself names. */
  readonly named: ServerState | undefined
  /**
   * The session's own server, if it gets the request and was not suspended. If it fails, another server serves this
   * request and the session stays; the session moves with the next request that its own server cannot serve either, unless that
   * is expected back.
   */
  #staysOn: ServerState | undefined
  /** Whether the session stays there however often that fails, since the server is expected back. */
  #isAwaitingReturn = false
  /** Whether the response may begin or move a session that only the table knows. */
  isNew = false
  /** The exchange in the session table, from when it counts there. */
  #visit: SessionVisit | undefined
  /** The server that the session has left for this exchange, as long as the next one has not answered. */
  #movesFrom: ServerState | undefined

  private constructor(
    group: UpstreamGroup,
    affinity: Affinity,
    shown: Session | undefined,
    path: string,
    expectsBody: boolean,
  ) {
    this.#group = group
    this.#affinity = affinity
    this.#shown = shown
    this.#path = path
    this.#expectsBody = expectsBody
    this.named = shown?.home === undefined ? undefined : group.serverIn(shown.home)
  }

  /** Undefined if the upstream has no affinity. */
  static of(group: UpstreamGroup, request: RequestView): ExchangeSession | undefined {
    const { affinity } = group
    if (affinity === undefined) return undefined
    const shown = affinity.read(request, wallSeconds())
    return new ExchangeSession(group, affinity, shown, request.path, affinity.expectsBody?.(request) === true)
  }

  /** For the next request of a session that the table knows (`Affinity.recall`). */
  static recalled(group: UpstreamGroup, shown: Session | undefined): ExchangeSession | undefined {
    return group.affinity && new ExchangeSession(group, group.affinity, shown, '/', false)
  }

  /** Whether the upstream's affinity has been replaced since: the new one cannot read the session. */
  get #isForeign(): boolean {
    return this.#group.affinity !== this.#affinity
  }

  /** The session that the request has shown, unless the upstream's affinity has been replaced since. */
  get shown(): Session | undefined {
    return this.#isForeign ? undefined : this.#shown
  }

  // ── its server ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether the session is known to be on that server, and not just tied to it by a hash. */
  isOn({ settings: { drain, slot } }: ServerState): boolean {
    const session = this.shown
    if (session === undefined) return false
    if (session.home !== undefined) return true
    return drain && this.#group.sessions.find(session.high, session.low, wallSeconds()) === slot
  }

  /**
   * The server of a session that its client ties to `tied`, by a key or by naming it. If that one has given up its sessions, it is
   * the server to which this one has moved since.
   */
  homeInsteadOf(tied: ServerState): ServerState {
    const session = this.shown
    if (session === undefined || tied.keepsSessions) return tied
    const slot = this.#group.sessions.find(session.high, session.low, wallSeconds())
    return this.#group.serverIn(slot) ?? tied
  }

  /** The server that served the session last while its own could not, since it may hold state of the session. */
  lastPlace(): ServerState | undefined {
    const session = this.shown
    if (session?.home === undefined || !this.#isCarried) return undefined
    const slot = this.#group.sessions.find(session.high, session.low, wallSeconds())
    return slot < 0 || slot === session.home ? undefined : this.#group.serverIn(slot)
  }

  /**
   * Whether clients carry the server of their session with them, so that the table is free to hold the one that served
   * it last.
   */
  get #isCarried(): boolean {
    return this.#affinity.issue !== undefined
  }

  // ── the exchange ───────────────────────────────────────────────────────────────────────────────────────────────

  /** The session's own server gets the request. */
  goesHome(home: ServerState): void {
    this.moveBack()
    this.#isAwaitingReturn = home.isExpected
    if (this.#isAwaitingReturn || !home.isSuspended) this.#staysOn = home
  }

  /** The session's own server cannot serve the request. If it is away, the session stays on it all the same. */
  loses(home: ServerState | undefined, loss: Loss): void {
    const standing = this.shown?.standing
    this.#isAwaitingReturn = loss === 'away' && (standing === 'known' || standing === 'new')
    this.#staysOn = this.#isAwaitingReturn ? home : undefined
  }

  /**
   * The key by which the session goes to the same other server each time while its own is away; undefined if the table or a key of
   * its own shows where it goes.
   */
  detour(): Uint8Array | undefined {
    if (!this.#isAwaitingReturn || this.#isCarried) return undefined
    const session = this.shown
    return session === undefined || session.key !== undefined ? undefined : bytesOfId(session)
  }

  /** Moves the session to another server, which gets the request; returns whether it did not have to stay. */
  move(from: ServerState, to: ServerState, unseenFor: number): boolean {
    const { sessions } = this.#group
    const { slot } = to.settings
    this.#visit = SessionVisit.move(sessions, this.#shown!, from.settings.slot, slot, unseenFor, wallSeconds())
    if (this.#visit === undefined) return false
    this.#movesFrom = from
    return true
  }

  /** If the session was about to move, and the server has not answered, it is on the server that it was on before. */
  moveBack(): void {
    const from = this.#movesFrom
    this.#movesFrom = undefined
    if (from !== undefined && !from.isRemoved) this.#enter(this.#shown!, from.settings.slot, wallSeconds())
  }

  /** Whether no exchange of the session is in flight, which the table knows to be on that server. */
  mayLeave({ settings: { slot } }: ServerState): boolean {
    const { high, low } = this.#shown!
    return this.#group.sessions.mayMove(high, low, slot, 0, wallSeconds())
  }

  /**
   * The server to which another request of the session moves it from its own at this moment, and its client does not know yet;
   * undefined for none.
   */
  movingTo(): ServerState | undefined {
    const { high, low, home } = this.#shown!
    const { sessions } = this.#group
    const slot = this.#isCarried ? sessions.find(high, low, wallSeconds()) : -1
    return slot < 0 || slot === home || !sessions.isActive(high, low) ? undefined : this.#group.serverIn(slot)
  }

  /** An attempt on that server begins. */
  attempts({ settings: { slot } }: ServerState): void {
    const session = this.shown
    if (session === undefined || this.#visit !== undefined) return
    // A session that is on this server counts as active from now on. Any other begins, or moves, once the server has
    // answered.
    const seconds = wallSeconds()
    const last = this.#group.sessions.find(session.high, session.low, seconds)
    if (last === slot || (last >= 0 && last === this.#awaited)) this.#enter(session, last, seconds)
    // Its own server has already failed its last request: if it fails again, the session moves.
    else if (last >= 0 && !this.#isAwaitingReturn) this.#staysOn = undefined
  }

  /**
   * The slot of the server on which the session counts although it is away; undefined for none. Where clients carry their server
   * with them, the session counts where it is served.
   */
  get #awaited(): number | undefined {
    return this.#isAwaitingReturn && !this.#isCarried ? this.#staysOn!.settings.slot : undefined
  }

  /** From now on the exchange counts for that session on that server, and for no other. */
  #enter(session: Session, server: number, seconds: number): void {
    if (this.#visit?.isOf(session, server) || this.#hasEnded(session)) return
    const visit = SessionVisit.begin(this.#group.sessions, session, server, seconds)
    this.#visit?.end(seconds)
    this.#visit = visit
  }

  /** The field lines that give the client its session, now that the server has answered; empty for none. */
  answered(server: ServerState, response: SessionResponse, isSecure: boolean): string {
    if (this.#isForeign) return ''
    this.#movesFrom = undefined
    const affinity = this.#affinity
    const seconds = wallSeconds()
    const visit = this.#visit
    const session = this.#shown && this.#settle(this.#shown, server, seconds)
    const learnt = affinity.learn?.(response, server.settings, seconds, this.#shown, this.#path)
    if (response.endsSession && session !== undefined) this.#group.sessions.remove(session.high, session.low, seconds)
    if (learnt !== undefined && !this.#staysAway(learnt, server)) this.#enter(learnt, server.settings.slot, seconds)
    this.isNew = affinity.learn !== undefined && this.#visit !== visit
    if (response.endsSession) return this.#revoked(isSecure)
    if (session === undefined || session === this.#shown || this.#hasEnded(session)) return ''
    return affinity.issue?.(session, isSecure) ?? ''
  }

  /** Whether it is the session that the request showed, which stays on another server than the one that has answered. */
  #staysAway({ high, low }: Session, server: ServerState): boolean {
    const shown = this.#shown
    const isElsewhere = this.#staysOn !== undefined && this.#staysOn !== server
    return isElsewhere && shown?.high === high && shown.low === low
  }

  /** Whether the request showed that session, and it has ended since: this exchange does not bring it back. */
  #hasEnded({ high, low }: Session): boolean {
    const shown = this.#shown
    if (shown?.standing !== 'known' || shown.high !== high || shown.low !== low) return false
    return this.#group.sessions.isEnded(high, low)
  }

  /** The field lines that delete the session which the request showed. */
  #revoked(isSecure: boolean): string {
    if (this.#affinity.revoke === undefined || this.#shown?.standing === 'new') return ''
    return this.#affinity.revoke(isSecure) + PRIVATE
  }

  /** Updates the session after that server has answered, and records it in the table. */
  #settle(session: Session, server: ServerState, seconds: number): Session {
    const { settings } = server
    if (this.#staysOn !== undefined && this.#staysOn !== server) {
      const place = this.#isCarried ? settings.slot : this.#awaited
      if (place !== undefined) this.#enter(session, place, seconds)
      return session
    }
    const settled = this.#affinity.settle(session, settings, seconds)
    this.#enter(settled, settings.slot, seconds)
    return settled
  }

  /** Reads the first bytes of the response's body before the client gets them; undefined for no reader. */
  readerOf(server: ServerState, response: SessionResponse): BodyReader | undefined {
    if (!this.#expectsBody || this.#isForeign) return undefined
    const reader = this.#affinity.readerOf?.(response, server.settings, wallSeconds())
    if (reader !== undefined) this.isNew = true
    return reader
  }

  /** The session ends. Returns the field lines that delete it at the client; empty for none. */
  revoke(isSecure: boolean): string {
    const session = this.shown
    if (session === undefined) return ''
    const { sessions, servers } = this.#group
    const { high, low, home = servers[0]?.settings.slot } = session
    if (this.#affinity.revoke !== undefined || home === undefined) {
      sessions.remove(high, low, wallSeconds())
      return this.#affinity.revoke?.(isSecure) ?? ''
    }
    // Its client goes on showing it, so the table must know that it is over.
    sessions.refuse(high, low, home, wallSeconds())
    return ''
  }

  /** The exchange is over. */
  end(): void {
    this.moveBack()
    this.#visit?.end(wallSeconds())
    this.#visit = undefined
  }
}
