import type { NamedPart } from '../runtime/named-part.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { Server, Affinity as Settings } from '../runtime/snapshot.ts'
import { type Affinity, MAX_SHOWN, type Session, type SessionRequest, type Standing } from './affinity.ts'
import { Recent } from './recent.ts'
import { makeSessionId } from './session-id.ts'
import { type Ticket, TicketSeal } from './ticket.ts'

type CookieSettings = Extract<Settings, { type: 'cookie' }>

/** Tickets that a worker remembers to have verified, twice as many at the most. */
const REMEMBERED = 8192

/** By how much of the idle limit a ticket's time may lag behind: so seldom a busy client is given a new one. */
const LAG = 1 / 8

/** How far ahead of this clock, in s, that of another replica may be. */
const AHEAD = 60

/** A session that a cookie carries; its id and times are the ticket's. */
interface CookieSession extends Session, Ticket {
  /** Whether it was written under the secret that is used for writing, and stands under the cookie's name of today. */
  readonly isCurrent: boolean
}

const nothing = { high: 0, low: 0, tag: '', begunAt: 0, seenAt: 0, home: undefined, isCurrent: false }
const NEW: CookieSession = { ...nothing, standing: 'new' }
const INVALID: CookieSession = { ...nothing, standing: 'invalid' }
const EXPIRED: CookieSession = { ...nothing, standing: 'expired' }

/** A secret, and what the servers are called under it. */
interface Key {
  readonly seal: TicketSeal
  readonly servers: ReadonlyMap<string, Server>
}

/**
 * A cookie that Limpet issues ties a client to a server: a signed ticket with the session's id, its age, when it was
 * last seen, and what stands for the server's name. Every replica with the same secret understands it, and whatever the
 * secret did not sign is as if it were not there.
 */
export class CookieAffinity implements Affinity {
  readonly #settings: CookieSettings
  readonly #place: NamedPart
  readonly #formerPlace: NamedPart | undefined
  /** In s; 0 for no limit. */
  readonly #idle: number
  readonly #maxAge: number
  readonly #sessions: SessionTable
  /** The first one writes, all of them read. */
  readonly #keys: readonly Key[]
  readonly #tags = new Map<Server, string>()
  readonly #recent = new Recent<CookieSession>(REMEMBERED)

  constructor(settings: CookieSettings, upstream: string, servers: readonly Server[], sessions: SessionTable) {
    this.#settings = settings
    const { name, formerName } = settings
    this.#place = { from: 'cookie', name }
    this.#formerPlace = formerName === undefined ? undefined : { from: 'cookie', name: formerName }
    this.#idle = settings.idle / 1000
    this.#maxAge = settings.maxAge / 1000
    this.#sessions = sessions
    this.#keys = settings.secrets.map((secret) => {
      const seal = new TicketSeal(secret, upstream)
      return { seal, servers: new Map(servers.map((server) => [seal.tagOf(server.name), server])) }
    })
    for (const [tag, server] of this.#keys[0]!.servers) this.#tags.set(server, tag)
  }

  read(request: SessionRequest, now: number): CookieSession {
    const session = this.#firstGood(request, this.#place, now)
    if (session.standing === 'known' || this.#formerPlace === undefined) return session
    const former = this.#firstGood(request, this.#formerPlace, now)
    // Its client is given another, under the name of today.
    return former.standing === 'known' ? { ...former, isCurrent: false } : session
  }

  /**
   * A client may have several cookies of one name: from when the path or the domain was another, or from a neighbour under
   * the same domain. A dead one in front must not part it from its server with every request.
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
    // It was written while a clock was wrong, and would be good for as long as that had run ahead.
    if (Math.max(session.begunAt, session.seenAt) > now + AHEAD) return INVALID
    return session.standing === 'known' && this.#isOver(session, now) ? EXPIRED : session
  }

  settle(session: CookieSession, server: Server, now: number): CookieSession {
    const goesOn = session.low !== 0
    const isFresh = session.isCurrent && !this.#lags(session, now)
    if (session.standing === 'known' && session.home === server && isFresh) return session
    const { high, low } = goesOn ? session : makeSessionId()
    const begunAt = goesOn ? session.begunAt : now
    const tag = this.#tags.get(server)!
    return { high, low, tag, begunAt, seenAt: now, standing: 'known', home: server, isCurrent: true }
  }

  issue(session: CookieSession, isSecure: boolean): string {
    const text = this.#keys[0]!.seal.write(session)
    this.#recent.set(text, session)
    const attributes = `${this.#attributes(isSecure)}${this.#lifetime(session)}`
    return `Set-Cookie: ${this.#settings.name}=${text}${attributes}\r\nCache-Control: private\r\n`
  }

  revoke(isSecure: boolean): string {
    return `Set-Cookie: ${this.#settings.name}=${this.#attributes(isSecure)}; Max-Age=0\r\n`
  }

  #verify(text: string): CookieSession {
    for (const [index, { seal, servers }] of this.#keys.entries()) {
      const ticket = seal.read(text)
      if (ticket === undefined) continue
      const home = servers.get(ticket.tag)
      const standing: Standing = home === undefined ? 'removed' : 'known'
      const session: CookieSession = { ...ticket, standing, home, isCurrent: index === 0 }
      this.#recent.set(text, session)
      return session
    }
    return INVALID
  }

  #isOver({ high, low, begunAt, seenAt }: CookieSession, now: number): boolean {
    if (this.#maxAge > 0 && now - begunAt > this.#maxAge) return true
    // A ticket may lag behind by that much, and nobody's session is to end too early.
    if (this.#idle === 0 || now - seenAt <= this.#idle * (1 + LAG)) return false
    // Nor that of a client who was busy all the time on one connection, where it could be given no other.
    return this.#sessions.find(high, low, now) < 0
  }

  #lags({ seenAt }: CookieSession, now: number): boolean {
    return this.#idle > 0 && now - seenAt > this.#idle * LAG
  }

  /** For how long browsers keep the cookie, where that is beyond their own end: as long as its session may live. */
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
