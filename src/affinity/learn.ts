import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { KnownId } from '../runtime/known-id.ts'
import type { NamedPart } from '../runtime/named-part.ts'
import type { SavedSession } from '../runtime/session-table/session-entries.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { Server, SessionSource, Affinity as Settings } from '../runtime/snapshot.ts'
import {
  type Affinity,
  type BodyReader,
  MAX_SHOWN,
  type Session,
  type SessionRequest,
  type SessionResponse,
} from './affinity.ts'
import { HandshakeReader } from './handshake.ts'
import { Recent } from './recent.ts'
import { bytesOfId, type SessionId } from './session-id.ts'

type LearnSettings = Extract<Settings, { type: 'learn' }>

/** How many sessions a worker caches, whose ids it has computed; up to twice as many in all. */
const REMEMBERED = 8192
/** The same if servers are asked about sessions. */
const REMEMBERED_TO_ASK = 32_768
/** How many cached sessions are looked at for one call of `idsOn`, and how many it returns: well below a millisecond's work. */
const LOOKED_AT = 2048
const IDS_AT_ONCE = 16
/** Longer values are hashed each time, so that the cache stays small. */
const LONGEST_REMEMBERED = 256

/** The parameter in every request of an Engine.IO client (engine.io-protocol, "Query parameters"). */
const EIO: NamedPart = { from: 'query', name: 'EIO' }
const TRANSPORT: NamedPart = { from: 'query', name: 'transport' }
const SID: NamedPart = { from: 'query', name: 'sid' }
const SOCKET_IO: SessionSource = { from: 'socket.io' }

/** A session in the table, and the source in which its request contained it. */
interface LearntSession extends Session {
  readonly source: SessionSource
}

/**
 * A session that is not in the table. A hash of its value chooses its server, and it takes no room, so that invented
 * ids fill nothing.
 */
class UnknownSession implements Session {
  readonly high = 0
  readonly low = 0
  readonly standing = 'expired'
  readonly home = undefined
  readonly key: Buffer
  readonly source: SessionSource

  constructor(value: string, source: SessionSource) {
    this.key = Buffer.from(value, 'latin1')
    this.source = source
  }

  get value(): string {
    return this.key.toString('latin1')
  }
}

/**
 * Ties a client to a server by the application's own session. Its id is seen in the responses of servers (a cookie, a
 * header, a parameter of a redirect, or an Engine.IO handshake), and the table remembers its server. A request with
 * that id goes there. The table holds no ids but digests of them under a secret, which are the same in all workers and
 * after a restart.
 */
export class LearnAffinity implements Affinity {
  readonly #sessions: SessionTable
  readonly #secret: string
  readonly #key: KeyObject
  #sources: readonly SessionSource[]
  #adopts: boolean
  #readsHandshakes: boolean
  /** The slots of the upstream's servers. */
  #servers: ReadonlySet<number>
  /** Whether servers are asked about sessions, so that their ids must be known. */
  #isAsked: boolean
  /** By the value in the request. */
  #recent: Recent<LearntSession>
  /** By server slot: which of the cached sessions `idsOn` looks at next. */
  readonly #tours = new Map<number, Iterator<readonly [string, LearntSession]>>()

  constructor(
    { from, secret, adopt, ask }: LearnSettings,
    upstream: string,
    servers: readonly Server[],
    sessions: SessionTable,
  ) {
    this.#sources = from
    this.#adopts = adopt
    this.#sessions = sessions
    this.#secret = secret
    this.#servers = slotsOf(servers)
    this.#key = createSecretKey(createHmac('sha256', secret).update(`limpet learn 1\0${upstream}`).digest())
    this.#readsHandshakes = includesHandshakes(from)
    this.#isAsked = ask !== undefined
    this.#recent = recentFor(this.#isAsked)
  }

  apply(settings: Settings, servers: readonly Server[]): boolean {
    if (settings.type !== 'learn' || settings.secret !== this.#secret) return false
    const { from, adopt, ask } = settings
    // Requests in flight refer to these objects by identity.
    if (!isDeepStrictEqual(from, this.#sources)) this.#sources = from
    this.#readsHandshakes = includesHandshakes(from)
    this.#adopts = adopt
    this.#servers = slotsOf(servers)
    this.#tours.clear()
    if (this.#isAsked !== (ask !== undefined)) {
      this.#isAsked = ask !== undefined
      this.#recent = recentFor(this.#isAsked)
    }
    return true
  }

  /** The first known session among the values of a request; else one for its first value. */
  read(request: SessionRequest, now: number): Session | undefined {
    let unknown: string | undefined
    let place: SessionSource | undefined
    for (const source of this.#sources) {
      for (let after = 0; after < MAX_SHOWN; after++) {
        const value = request.value(placeIn(source), after)
        if (value === undefined) break
        if (value === '') continue
        const session = this.#find(value, source, now)
        if (session !== undefined) return session
        unknown ??= value
        place ??= source
      }
    }
    return unknown === undefined ? undefined : new UnknownSession(unknown, place!)
  }

  recall({ high, low }: SavedSession, now: number): Session {
    const home = this.#sessions.find(high, low, now)
    if (this.#servers.has(home)) return { high, low, standing: 'known', home }
    // The id is a digest: as a value, it is one like any other.
    return { high: 0, low: 0, standing: 'expired', home: undefined, key: bytesOfId({ high, low }) }
  }

  settle(session: Session, server: Server): Session {
    return session.low === 0 || session.home === server.slot ? session : { ...session, home: server.slot }
  }

  learn(
    response: SessionResponse,
    { slot: home }: Server,
    now: number,
    shown: Session | undefined,
    path: string,
  ): Session | undefined {
    let learnt: LearntSession | undefined
    let setsNone = true
    for (const source of this.#sources) {
      for (const value of valuesIn(response, source, path, now)) {
        setsNone = false
        if (value !== '') {
          if (learnt !== undefined) this.#sessions.put(learnt.high, learnt.low, home, now)
          learnt = { ...(this.#recent.get(value) ?? this.#idOf(value)), standing: 'known', home, source }
          if (this.#isAsked) this.#remember(value, learnt)
        } else if (shown !== undefined && (shown as Partial<LearntSession>).source === source) {
          this.#sessions.remove(shown.high, shown.low)
        }
      }
    }
    const isAccepted = setsNone && !response.endsSession && response.status < 400
    const mayAdopt = this.#adopts && isAccepted && shown instanceof UnknownSession
    return mayAdopt ? this.#adopt(shown, home, now) : learnt
  }

  /**
   * The server has accepted an unknown id. Since any client can invent one, it only gets free room, and displaces no
   * other session.
   */
  #adopt({ value, source }: UnknownSession, home: number, now: number): LearntSession | undefined {
    const { high, low } = this.#idOf(value)
    if (!this.#sessions.hasRoom(high, low, now)) return undefined
    const session: LearntSession = { high, low, standing: 'known', home, source }
    if (this.#isAsked) this.#remember(value, session)
    return session
  }

  /**
   * Whether this is a request without an id, or with an empty one, that opens an Engine.IO session (engine.io-protocol,
   * "Handshake").
   */
  expectsBody(request: SessionRequest): boolean {
    return (
      this.#readsHandshakes &&
      request.value(EIO) !== undefined &&
      request.value(TRANSPORT) !== undefined &&
      !request.value(SID)
    )
  }

  readerOf(response: SessionResponse, server: Server, now: number): BodyReader | undefined {
    if (response.status !== 200) return undefined
    return new HandshakeReader(response.header('content-encoding') ?? '', (sid) => this.#put(sid, server, now))
  }

  #put(value: string, server: Server, now: number): void {
    const { high, low } = this.#recent.get(value) ?? this.#idOf(value)
    this.#sessions.put(high, low, server.slot, now)
    if (this.#isAsked) this.#remember(value, { high, low, standing: 'known', home: server.slot, source: SOCKET_IO })
  }

  idsOn(server: number, now: number): KnownId[] {
    const ids: KnownId[] = []
    const tour = this.#tours.get(server) ?? this.#recent.entries()[Symbol.iterator]()
    this.#tours.set(server, tour)
    for (let looked = 0; this.#isAsked && looked < LOOKED_AT && ids.length < IDS_AT_ONCE; looked++) {
      const next = tour.next()
      if (next.done === true) {
        this.#tours.delete(server)
        break
      }
      const [value, { high, low, source }] = next.value
      if (this.#sessions.find(high, low, now) === server) ids.push({ high, low, value, place: placeIn(source) })
    }
    return ids
  }

  #find(value: string, source: SessionSource, now: number): LearntSession | undefined {
    const recent = this.#recent.get(value)
    const { high, low } = recent ?? this.#idOf(value)
    const home = this.#sessions.find(high, low, now)
    if (!this.#servers.has(home)) return undefined
    if (recent?.home === home && recent.source === source) return recent
    const session: LearntSession = { high, low, standing: 'known', home, source }
    this.#remember(value, session)
    return session
  }

  #remember(value: string, session: LearntSession): void {
    if (value.length <= LONGEST_REMEMBERED) this.#recent.set(value, session)
  }

  #idOf(value: string): SessionId {
    const digest = createHmac('sha256', this.#key).update(value, 'latin1').digest()
    // The id 0 stands for none.
    return { high: digest.readInt32BE(0), low: digest.readInt32BE(4) || 1 }
  }
}

function recentFor(isAsked: boolean): Recent<LearntSession> {
  return new Recent(isAsked ? REMEMBERED_TO_ASK : REMEMBERED)
}

/** Where requests contain an id of that source. */
function placeIn(source: SessionSource): NamedPart {
  return source.from === 'socket.io' ? SID : source
}

function slotsOf(servers: readonly Server[]): ReadonlySet<number> {
  return new Set(servers.map(({ slot }) => slot))
}

function includesHandshakes(sources: readonly SessionSource[]): boolean {
  return sources.some((source) => source.from === 'socket.io')
}

const NONE: readonly string[] = []

/** The ids that the response sets there; an empty one if it ends the request's session. */
function valuesIn(response: SessionResponse, source: SessionSource, path: string, now: number): readonly string[] {
  switch (source.from) {
    case 'cookie':
      return response.setCookies(source.name, path, now)
    case 'header':
      return listOf(response.header(source.name))
    case 'query':
      return listOf(response.redirectQuery(source.name))
    case 'socket.io':
      return NONE
  }
}

function listOf(value: string | undefined): readonly string[] {
  return value === undefined || value === '' ? NONE : [value]
}
