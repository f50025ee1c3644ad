import type { KnownId } from '../runtime/known-id.ts'
import type { NamedPart, SegmentParameter } from '../runtime/named-part.ts'
import type { SavedSession } from '../runtime/session-table/session-entries.ts'
import type { Server, Affinity as Settings } from '../runtime/snapshot.ts'

/** The parts of a request that may contain its session. Texts have one character for each byte (Latin-1). */
export interface SessionRequest {
  /**
   * The value of that part, or the one after `after` others of the same name, as an application reads it: a cookie
   * without quotes, a parameter of the query unescaped. Undefined if there is none.
   */
  value(part: NamedPart | SegmentParameter, after?: number): string | undefined
}

/** A request as seen by kinds of affinity that let a hash choose the server. */
export interface KeyedRequest {
  /** The bytes to hash; empty if the request has none. */
  key(settings: Settings): Uint8Array
}

/** How many cookies or parameters of one name are considered in one request. */
export const MAX_SHOWN = 4

/** The parts of a response's head that may set its session. */
export interface SessionResponse {
  readonly status: number
  /** Whether the server says that the session of the request is over. */
  readonly endsSession: boolean
  /** The value of the first header of that name, which is in lower case. */
  header(name: string): string | undefined
  /**
   * The values of the cookies of that name that the client has after this response. A single empty value if there are
   * none, and the response deletes one that the request, which was for that path, may have contained.
   */
  setCookies(name: string, path: string, now: number): readonly string[]
  /** In a redirect: the unescaped value of the first parameter of that name in the query of the location. */
  redirectQuery(name: string): string | undefined
}

/** For a response that sets or deletes a client's cookie: no shared cache may give it to another client. */
export const PRIVATE = 'Cache-Control: private\r\n'

/**
 * The state of a request's session:
 *
 * - `new`: the request contains none
 * - `known`: it contains a valid one
 * - `invalid`: the one it contains is forged, broken, or not from this Limpet
 * - `expired`: the one it contains is over, or no longer known
 * - `removed`: the session's server is no longer in the upstream
 */
export type Standing = 'new' | 'known' | 'invalid' | 'expired' | 'removed'

/** One user's tie to a server, as read from a request. Immutable. */
export interface Session {
  /** Its id in the session table, as two Int32; both 0 for a session that has none yet. */
  readonly high: number
  readonly low: number
  readonly standing: Standing
  /** The slot of its server; undefined if it has none, or if a hash of its key decides. */
  readonly home: number | undefined
  /** The key to hash if its server is not remembered; absent if nothing is hashed. */
  readonly key?: Uint8Array
}

/** Reads a session from the first bytes of a response's body, before its client sees them. */
export interface BodyReader {
  /** The maximum number of bytes that it reads. */
  readonly most: number
  /** Reads the next bytes of the body, which it must not keep; returns whether it wants more. */
  read(bytes: Buffer): boolean
  /** The body is complete, and all of it has been read. */
  end(): void
}

/**
 * A way to tie sessions to servers. It is consulted before the policy and never chooses a server: it says which one a
 * session is on, and is told which one the session gets. Times are in s since 1970.
 */
export interface Affinity {
  /** The session of a request; undefined if it has none. */
  read(request: SessionRequest & KeyedRequest, now: number): Session | undefined
  /** A session of the table as its next request would show it. A key that is not known is replaced by one like it. */
  recall(saved: SavedSession, now: number): Session
  /** The session as it continues on that server: the same object if nothing changes. */
  settle(session: Session, server: Server, now: number): Session
  /**
   * The field lines that give the client a session that is new or has changed, each with its line end. Absent if this
   * kind sends nothing to clients.
   */
  issue?(session: Session, isSecure: boolean): string
  /** The field lines that delete the client's session, after its server was removed or the session has ended. */
  revoke?(isSecure: boolean): string
  /**
   * Learns from the head of a server's response, before its client gets it. Returns the session that the exchange
   * belongs to from now on, which the caller records in the table; undefined if the response sets none.
   *
   * @param shown the session of the request
   * @param path the request's path
   */
  learn?(
    response: SessionResponse,
    server: Server,
    now: number,
    shown: Session | undefined,
    path: string,
  ): Session | undefined
  /**
   * Whether the response to that request may set a session in its body; `readerOf` then gives the reader that finds it.
   */
  expectsBody?(request: SessionRequest): boolean
  /** The reader for the body of such a response; undefined if there is nothing to find. */
  readerOf?(response: SessionResponse, server: Server, now: number): BodyReader | undefined
  /**
   * The ids of some sessions on the server in that slot, as far as this worker has seen them: the next ones with each
   * call. Absent if the affinity knows no ids of the application.
   */
  idsOn?(server: number, now: number): KnownId[]
  /**
   * Takes over other settings and the upstream's servers. Sessions on a removed server are on none from now on.
   *
   * @returns whether this affinity could take them over; if not, another one must be built
   */
  apply(settings: Settings, servers: readonly Server[]): boolean
}
