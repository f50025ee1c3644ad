import type { Failure } from '../exchange/failure.ts'
import type { Incident } from '../exchange/incident.ts'
import type { ConnectionNeed } from '../exchange/server-stream.ts'
import type { ClientSession } from '../http2/session/client-session.ts'
import type { ServerSocket } from './server-socket.ts'

/** How a connection was lost. */
export interface Loss {
  readonly detail: string
  readonly incident: Incident
  /** Whether it was reset, which the kernel does for a server that closes and has not read everything. */
  readonly isReset: boolean
  /** Whether the server has broken a rule of HTTP/2. */
  readonly isFault: boolean
}

/** A connection that serves several streams at once, as its pool and its streams know it. */
export interface SharedConnection {
  /** How long ago it was opened, in ms. */
  readonly age: number
  /** How many streams it has had, and how many of them were answered to the end. */
  readonly opened: number
  readonly served: number
  readonly isResting: boolean
  /** Undefined as long as it is not lost. */
  readonly loss: Loss | undefined
  /** Accepts a stream, which begins now or waits. Returns false if there is no room for it. */
  take(stream: PlacedStream): boolean
  /** The stream does not wait any more. */
  forget(stream: PlacedStream): void
  /** A response has begun: its request is not one that makes the server close the connection. */
  answered(): void
  /** A response is complete. */
  completed(): void
  /** One of the streams that wait has waited too long. */
  waitedTooLong(): void
  /** A stream has timed out. Returns the incident, if the whole connection has been silent for at least `ms`. */
  silenceOf(ms: number): Incident | undefined
  /** Waits for the next stream, for at most `ms`; Infinity for no limit. */
  rest(ms: number): void
  /** Accepts no more streams, and closes once it has none. */
  leave(): void
}

/** A stream, as its pool and its connection know it. */
export interface PlacedStream {
  readonly need: ConnectionNeed
  /** Whether nothing of it is wanted any more. */
  readonly isOver: boolean
  /** Whether it needs the extended CONNECT of RFC 8441, or else another protocol. */
  readonly isForConnect: boolean
  /** Opens a connection for it. */
  connect(): SharedConnection
  waitAt(connection: SharedConnection): void
  /** Its request can be sent, at once and on that session. */
  begin(connection: SharedConnection, session: ClientSession): void
  /** The server has chosen HTTP/1.1 on that connection. */
  goOnBy(socket: ServerSocket): void
  /** The server speaks HTTP/1.1. */
  useHttp1(): void
  fail(failure: Failure): void
}
