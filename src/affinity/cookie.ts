import { isDeepStrictEqual } from 'node:util'
import { crc32 } from '../runtime/crc32.ts'
import type { NamedPart } from '../runtime/named-part.ts'
import type { SavedSession } from '../runtime/session-table/session-entries.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { Server, Affinity as Settings } from '../runtime/snapshot.ts'
import { type Affinity, MAX_SHOWN, PRIVATE, type Session, type SessionRequest, type Standing } from './affinity.ts'
import { Recent } from './recent.ts'
import { makeSessionId } from './session-id.ts'
import { type Ticket, TicketSeal } from './ticket.ts'

type CookieSettings = Extract<Settings, { type: 'cookie' }>

/** How many verified tickets a worker caches; up to twice as many in all. */
const REMEMBERED = 8192

/**
 * How far a ticket's time may lag behind, as a part of the idle limit: an active client gets a new ticket only this
 * often.
 */
const LAG = 1 / 8

/** How far the clock of another replica may be ahead, in s. */
const AHEAD = 60

/** A session in a cookie; its id and times are the ticket's. */
interface CookieSession extends Session, Ticket {
  /** Whether it was signed with the secret that signs new tickets, and has the cookie's current name. */
  readonly isCurrent: boolean
}

const nothing = { high: 0, low: 0, tag: '', begunAt: 0, seenAt: 0, home: undefined, isCurrent: false }
const NEW: CookieSession = { ...nothing, standing: 'new' }
const INVALID: CookieSession = { ...nothing, standing: 'invalid' }
const EXPIRED: CookieSession = { ...nothing, standing: 'expired' }

/** A secret, and the servers' tags under it. */
class Key {
  readonly secret: string
  readonly seal: TicketSeal
  /** By server id. */
  #tags: ReadonlyMap<string, string> = new Map()
  /** By tag. */
  #slots: ReadonlyMap<string, number> = new Map()

  constructor(secret: string, upstream: string) {
    this.secret = secret
    this.seal = new TicketSeal(secret, upstream)
  }

  /** Computes the tags of servers that are new. */
  apply(servers: readonly Server[]): void {
    const tags = servers.map(({ id }) => [id, this.#tags.get(id) ?? this.seal.tagOf(id)] as const)
    this.#tags = new Map(tags)
    this.#slots = new Map(servers.map(({ slot }, index) => [tags[index]![1], slot]))
  }

  /** Undefined for a server that is not in the upstream. */
  tagOf(server: Server): string | undefined {
    return this.#tags.get(server.id)
  }

  /** The slot of the server with that tag; undefined if there is none. */
  slotOf(tag: string): number | undefined {
    return this.#slots.get(tag)
  }
}

/**
 * Ties a client to a server by a cookie that Limpet issues: a signed ticket with the session's id, its start, when it
 * was last seen, and a tag for the server. Every replica with the same secret can read it. A ticket that was not signed
 * with a known secret is invalid. Upstreams with the same servers may have one cookie: in each, it leads to the server of
 * the same id.
 */
export class CookieAffinity implements Affinity {
  /** The upstream for which tickets are signed. */
  readonly #issuer: string
  /** In which bits a session's id in the table, in its upper half, differs from the one in its ticket. */
  readonly #mask: number
  /** In which bits it differs from its ids as a session of the other upstreams that have this cookie. */
  #otherMasks: readonly number[] = []
  readonly #upstream: string
  readonly #sessions: SessionTable
  #settings: CookieSettings
  #place: NamedPart
  #formerPlace: NamedPart | undefined
  /** In s; 0 for no limit. */
  #idle = 0
  #maxAge = 0
  #servers: readonly Server[] = []
  /** The first one signs tickets; all of them verify. */
  #keys: readonly Key[] = []
  #recent = new Recent<CookieSession>(REMEMBERED)

  constructor(settings: CookieSettings, upstream: string, servers: readonly Server[], sessions: SessionTable) {
    this.#issuer = settings.of ?? upstream
    this.#mask = maskOf(upstream, this.#issuer)
    this.#upstream = upstream
    this.#sessions = sessions
    this.#settings = settings
    this.#place = cookieNamed(settings.name)
    this.#setSettings(settings)
    this.#setServers(servers)
  }

  apply(settings: Settings, servers: readonly Server[]): boolean {
    if (settings.type !== 'cookie' || (settings.of ?? this.#upstream) !== this.#issuer) return false
    this.#setSettings(settings)
    this.#setServers(servers)
    return true
  }

  #setSettings(settings: CookieSettings): void {
    const { name, formerName, idle, maxAge, secrets, sharedWith = [] } = settings
    this.#settings = settings
    this.#otherMasks = sharedWith.map((other) => maskOf(other, this.#issuer) ^ this.#mask)
    this.#idle = idle / 1000
    this.#maxAge = maxAge / 1000
    this.#place = cookieNamed(name)
    this.#formerPlace = formerName === undefined ? undefined : cookieNamed(formerName)
    const before = this.#keys
    const known = before.map((key) => key.secret)
    if (isDeepStrictEqual(secrets, known)) return
    this.#keys = secrets.map((secret) => before.find((key) => key.secret === secret) ?? new Key(secret, this.#issuer))
    // Whether cached tickets are still current, or valid at all, has changed.
    this.#recent = new Recent(REMEMBERED)
  }

  /** Forgets cached sessions on servers that were removed or added: their tickets are read again. */
  #setServers(servers: readonly Server[]): void {
    const ids = new Map(servers.map(({ slot, id }) => [slot, id]))
    const gone = new Set(this.#servers.filter(({ slot, id }) => ids.get(slot) !== id).map(({ slot }) => slot))
    this.#servers = servers
    for (const key of this.#keys) key.apply(servers)
    this.#recent.forget(({ home }) => home === undefined || gone.has(home))
  }

  read(request: SessionRequest, now: number): CookieSession {
    const session = this.#firstGood(request, this.#place, now)
    if (session.standing === 'known' || this.#formerPlace === undefined) return session
    const former = this.#firstGood(request, this.#formerPlace, now)
    // The client gets a new cookie, with the current name.
    return former.standing === 'known' ? { ...former, isCurrent: false } : session
  }

  /**
   * A client may have several cookies of one name, from an earlier path or domain, or from another application under
   * the same domain. An invalid one in front must not hide the valid one.
   */
  #firstGood(request: SessionRequest, place: NamedPart, now: number): CookieSession {
    let first: CookieSession | undefined
    for (let after = 0; after < MAX_SHOWN; after++) {
      const text = request.value(place, after)
      if (text === undefined) break
      const session = this.#sessionOf(text, now)
      if (session.standing === 'known') return session
      first ??= session
    }
    return first ?? NEW
  }

  #sessionOf(text: string, now: number): CookieSession {
    const session = this.#recent.get(text) ?? this.#verify(text)
    // It was issued while a clock was ahead, and would be valid for too long.
    if (Math.max(session.begunAt, session.seenAt) > now + AHEAD) return INVALID
    return session.standing === 'known' && this.#isOver(session, now) ? EXPIRED : session
  }

  recall({ high, low, server, begunAt, seenAt }: SavedSession, now: number): Session {
    if (this.#isOver({ high, low, begunAt, seenAt, tag: '' }, now)) return EXPIRED
    const isThere = this.#servers.some(({ slot }) => slot === server)
    return { high, low, standing: isThere ? 'known' : 'removed', home: isThere ? server : undefined }
  }

  settle(session: CookieSession, server: Server, now: number): CookieSession {
    const goesOn = session.low !== 0
    const isFresh = session.isCurrent && !this.#lags(session, now)
    if (session.standing === 'known' && session.home === server.slot && isFresh) return session
    const tag = this.#keys[0]!.tagOf(server)
    // The server was removed, so no session can be on it.
    if (tag === undefined) return session
    const { high, low } = goesOn ? session : makeSessionId()
    const begunAt = goesOn ? session.begunAt : now
    return { high, low, tag, begunAt, seenAt: now, standing: 'known', home: server.slot, isCurrent: true }
  }

  issue(session: CookieSession, isSecure: boolean): string {
    const text = this.#keys[0]!.seal.write({ ...session, high: session.high ^ this.#mask })
    this.#recent.set(text, session)
    const attributes = `${this.#attributes(isSecure)}${this.#lifetime(session)}`
    return `Set-Cookie: ${this.#settings.name}=${text}${attributes}\r\n${PRIVATE}`
  }

  revoke(isSecure: boolean): string {
    return `Set-Cookie: ${this.#settings.name}=${this.#attributes(isSecure)}; Max-Age=0\r\n`
  }

  #verify(text: string): CookieSession {
    for (const [index, key] of this.#keys.entries()) {
      const ticket = key.seal.read(text)
      if (ticket === undefined) continue
      const home = key.slotOf(ticket.tag)
      const standing: Standing = home === undefined ? 'removed' : 'known'
      const high = ticket.high ^ this.#mask
      const session: CookieSession = { ...ticket, high, standing, home, isCurrent: index === 0 }
      this.#recent.set(text, session)
      return session
    }
    return INVALID
  }

  #isOver({ high, low, begunAt, seenAt }: Ticket, now: number): boolean {
    if (this.#maxAge > 0 && now - begunAt > this.#maxAge) return true
    // Its server has ended it; a copy of the cookie does not bring it back.
    if (this.#isEnded(high, low)) return true
    // A ticket's time may lag behind by as much, and no session may end too early.
    if (this.#idle === 0 || now - seenAt <= this.#idle * (1 + LAG)) return false
    // Neither may that of a client that was busy with one long exchange, in which it could get no new ticket.
    return !this.#isKnown(high, low, now)
  }

  /** Whether the session was ended, in this upstream or in another that has this cookie. */
  #isEnded(high: number, low: number): boolean {
    if (this.#sessions.isEnded(high, low)) return true
    for (const mask of this.#otherMasks) if (this.#sessions.isEnded(high ^ mask, low)) return true
    return false
  }

  /** Whether the table has the session as a live one, of this upstream or of another that has this cookie. */
  #isKnown(high: number, low: number, now: number): boolean {
    if (this.#sessions.find(high, low, now) >= 0) return true
    for (const mask of this.#otherMasks) if (this.#sessions.find(high ^ mask, low, now) >= 0) return true
    return false
  }

  #lags({ seenAt }: CookieSession, now: number): boolean {
    return this.#idle > 0 && now - seenAt > this.#idle * LAG
  }

  /** For a persistent cookie: Max-Age and Expires, up to the end of its session. */
  #lifetime({ begunAt, seenAt }: CookieSession): string {
    if (!this.#settings.persistent) return ''
    const end = Math.ceil(begunAt + this.#maxAge)
    return `; Max-Age=${end - seenAt}; Expires=${new Date(end * 1000).toUTCString()}`
  }

  #attributes(isSecure: boolean): string {
    const { path, domain, httpOnly, sameSite, secure, partitioned } = this.#settings
    return [
      `; Path=${path}`,
      domain === undefined ? '' : `; Domain=${domain}`,
      httpOnly ? '; HttpOnly' : '',
      `; SameSite=${sameSite}`,
      secure === 'always' || (secure === 'auto' && isSecure) ? '; Secure' : '',
      partitioned ? '; Partitioned' : '',
    ].join('')
  }
}

/**
 * What tells the sessions of that upstream apart in the table from those of the one that issues the cookie, although a client
 * has one ticket for both: each counts on the servers of its own upstream.
 */
function maskOf(upstream: string, issuer: string): number {
  return upstream === issuer ? 0 : crc32(Buffer.from(upstream)) | 0 || 1
}

function cookieNamed(name: string): NamedPart {
  return { from: 'cookie', name }
}
