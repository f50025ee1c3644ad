import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { valueIn } from '../named-part.ts'
import type { SessionTable } from '../session-table.ts'
import type { Server, SessionSource, Affinity as Settings } from '../snapshot.ts'
import type { Affinity, BodyReader, Session, SessionRequest, SessionResponse } from './affinity.ts'
import { HandshakeReader } from './handshake.ts'
import { Recent } from './recent.ts'
import type { SessionId } from './session-id.ts'

type LearnSettings = Extract<Settings, { type: 'learn' }>

/** Sessions that a worker remembers to have worked out the ids of, twice as many at the most. */
const REMEMBERED = 8192
/** Longer values are worked out anew each time, so that what is remembered stays small. */
const LONGEST_REMEMBERED = 256

/** A session that the table knows, and in which source its request showed it. */
interface LearntSession extends Session {
  readonly source: SessionSource
}

/** A session that nobody knows. It goes by a hash of its value and takes no room, so that invented ones fill nothing. */
class UnknownSession implements Session {
  readonly high = 0
  readonly low = 0
  readonly standing = 'expired'
  readonly home = undefined
  readonly key: Uint8Array

  constructor(value: string) {
    this.key = Buffer.from(value, 'latin1')
  }
}

/**
 * The application's own sessions: their ids are seen in the answers of servers, as a cookie, a header, a parameter of a
 * redirect, or in an Engine.IO handshake, and the table remembers which server each one is on. Whoever shows one goes
 * there. On the table stands no id itself but a digest of it under a secret, the same in all workers and after a restart.
 */
export class LearnAffinity implements Affinity {
  readonly #sources: readonly SessionSource[]
  readonly #sessions: SessionTable
  readonly #servers: ReadonlyMap<number, Server>
  readonly #key: KeyObject
  readonly #readsHandshakes: boolean
  /** By the value that shows it. */
  readonly #recent = new Recent<LearntSession>(REMEMBERED)

  constructor({ from, secret }: LearnSettings, upstream: string, servers: readonly Server[], sessions: SessionTable) {
    this.#sources = from
    this.#sessions = sessions
    this.#servers = new Map(servers.map((server) => [server.slot, server]))
    this.#key = createSecretKey(createHmac('sha256', secret).update(`limpet learn 1\0${upstream}`).digest())
    this.#readsHandshakes = from.some((source) => source.from === 'socket.io')
  }

  /** Of the values that a request shows, the first that is known; else the first there is. */
  read(request: SessionRequest, now: number): Session | undefined {
    let unknown: string | undefined
    for (const source of this.#sources) {
      const value = shownIn(request, source)
      if (value === undefined || value === '') continue
      const session = this.#find(value, source, now)
      if (session !== undefined) return session
      unknown ??= value
    }
    return unknown === undefined ? undefined : new UnknownSession(unknown)
  }

  settle(session: Session, server: Server): Session {
    return session.low === 0 || session.home === server ? session : { ...session, home: server }
  }

  learn(response: SessionResponse, home: Server, now: number, shown: Session | undefined): Session | undefined {
    let learnt: LearntSession | undefined
    for (const source of this.#sources) {
      const value = toldIn(response, source, now)
      if (value === undefined) continue
      if (value !== '') {
        if (learnt !== undefined) this.#sessions.put(learnt.high, learnt.low, home.slot, now)
        learnt = { ...(this.#recent.get(value) ?? this.#idOf(value)), standing: 'known', home, source }
      } else if (shown !== undefined && (shown as Partial<LearntSession>).source === source) {
        this.#sessions.remove(shown.high, shown.low)
      }
    }
    return learnt
  }

  /** A request without an id by which a client of Engine.IO opens its session (engine.io-protocol, "Handshake"). */
  expectsBody(request: SessionRequest): boolean {
    return (
      this.#readsHandshakes &&
      request.query('EIO') !== undefined &&
      request.query('transport') !== undefined &&
      request.query('sid') === undefined
    )
  }

  readerOf(response: SessionResponse, server: Server, now: number): BodyReader | undefined {
    if (response.status !== 200) return undefined
    return new HandshakeReader(response.header('content-encoding') ?? '', (sid) => this.#put(sid, server, now))
  }

  #put(value: string, server: Server, now: number): void {
    const { high, low } = this.#recent.get(value) ?? this.#idOf(value)
    this.#sessions.put(high, low, server.slot, now)
  }

  #find(value: string, source: SessionSource, now: number): LearntSession | undefined {
    const recent = this.#recent.get(value)
    const { high, low } = recent ?? this.#idOf(value)
    const home = this.#servers.get(this.#sessions.find(high, low, now))
    if (home === undefined) return undefined
    if (recent?.home === home && recent.source === source) return recent
    const session: LearntSession = { high, low, standing: 'known', home, source }
    if (value.length <= LONGEST_REMEMBERED) this.#recent.set(value, session)
    return session
  }

  #idOf(value: string): SessionId {
    const digest = createHmac('sha256', this.#key).update(value, 'latin1').digest()
    // An id of zeros stands for none.
    return { high: digest.readInt32BE(0), low: digest.readInt32BE(4) || 1 }
  }
}

function shownIn(request: SessionRequest, source: SessionSource): string | undefined {
  return source.from === 'socket.io' ? decoded(request.query('sid')) : valueIn(request, source)
}

/** Empty where the response ends the session. */
function toldIn(response: SessionResponse, source: SessionSource, now: number): string | undefined {
  switch (source.from) {
    case 'cookie':
      return response.setCookie(source.name, now)
    case 'header':
      return response.header(source.name) || undefined
    case 'query':
      return response.redirectQuery(source.name) || undefined
    case 'socket.io':
      return undefined
  }
}

/** A parameter as it was before a client of Engine.IO put it into a query, one character a byte. */
function decoded(parameter: string | undefined): string | undefined {
  if (parameter?.includes('%') !== true) return parameter
  try {
    return Buffer.from(decodeURIComponent(parameter)).toString('latin1')
  } catch {
    return parameter
  }
}
