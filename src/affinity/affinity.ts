import type { NamedPart } from '../runtime/named-part.ts'
import type { Server, Affinity as Settings } from '../runtime/snapshot.ts'

/** The parts of a request that may show its session. Texts hold one byte a character (Latin-1). */
export interface SessionRequest {
  /**
   * The value that stands there, or the one after so many others of that name, as an application reads it: a cookie's without
   * quotes, a parameter's unescaped. Undefined where there is none.
   */
  value(part: NamedPart, after?: number): string | undefined
}

/** A request as kinds see it that leave it to a hash where their sessions belong. */
export interface KeyedRequest {
  /** The bytes that are hashed; empty where it has none. */
  key(settings: Settings): Uint8Array
}

/** Of cookies or parameters of one name, so many are looked at in one request. */
export const MAX_SHOWN = 4

/** The parts of a response's head that may name its session. */
export interface SessionResponse {
  readonly status: number
  /** The value of the first header of that name, which is in lower case. */
  header(name: string): string | undefined
  /**
   * The values of the cookies of that name with which it leaves its client. Where there is none and it takes one away that
   * the request, which was for that path, may have shown: a single empty value.
   */
  setCookies(name: string, path: string, now: number): readonly string[]
  /** Of a redirect: the value, unescaped, of the first parameter of that name in the query of where it leads. */
  redirectQuery(name: string): string | undefined
}

/**
 * How a request stands to its session:
 *
 * - `new`: it shows none
 * - `known`: it shows one that goes on
 * - `invalid`: what it shows is forged, foreign or broken
 * - `expired`: what it shows was a session once, or nobody here knows it any more
 * - `removed`: its server is no longer in the upstream
 */
export type Standing = 'new' | 'known' | 'invalid' | 'expired' | 'removed'

/** One user's stickiness to a server, as a request shows it. Immutable. */
export interface Session {
  /** Its id on the session table, as two Int32; both 0 for a session that has none yet. */
  readonly high: number
  readonly low: number
  readonly standing: Standing
  /** The slot of the server that it is on; undefined where it is on none, or where a hash of its key says on which. */
  readonly home: number | undefined
  /** What is hashed where nobody remembers its server; absent where nothing is. */
  readonly key?: Uint8Array
}

/** Reads a session from the first bytes of a response's body, before its client sees them. */
export interface BodyReader {
  /** Bytes of a body that it looks at, at the most. */
  readonly most: number
  /** Takes in the next bytes of the body, which it must not keep; returns whether it wants more. */
  read(bytes: Buffer): boolean
  /** The body is over, and all of it has been read. */
  end(): void
}

/**
 * A way to tie sessions to servers. It is asked before the policy, and never chooses a server: it says which one a
 * session is on, and is notified which one it got. Times are in s since 1970.
 */
export interface Affinity {
  /** The session that a request belongs to; undefined where it belongs to none. */
  read(request: SessionRequest & KeyedRequest, now: number): Session | undefined
  /** The session as it goes on on that server: the same object where nothing of it changes. */
  settle(session: Session, server: Server, now: number): Session
  /**
   * The fields that inform the client of a session that is new or has changed: whole lines, each with its line end.
   * Absent where a kind sends its clients nothing.
   */
  issue?(session: Session, isSecure: boolean): string
  /** The fields that take a session back whose server was removed. */
  revoke?(isSecure: boolean): string
  /**
   * Learns from the head of a server's response, before its client sees it. Returns the session that the exchange is one of
   * from here on, for the caller to put on the table; undefined where the response names none.
   *
   * @param shown what its request had shown
   * @param path the request's
   */
  learn?(
    response: SessionResponse,
    server: Server,
    now: number,
    shown: Session | undefined,
    path: string,
  ): Session | undefined
  /** Whether the answer to that request may name a session in its body; `readerOf` then gives what finds it. */
  expectsBody?(request: SessionRequest): boolean
  /** What reads the body of such an answer; undefined where nothing is to be found there. */
  readerOf?(response: SessionResponse, server: Server, now: number): BodyReader | undefined
  /**
   * Takes in other settings and the upstream's servers, so that sessions on one that is gone are on none from now on.
   *
   * @returns whether that is all; else another affinity is to be built
   */
  apply(settings: Settings, servers: readonly Server[]): boolean
}
