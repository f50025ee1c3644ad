import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'

/** A request that Limpet makes itself, not for a client. */
export interface OwnRequest {
  readonly method: string
  /** Includes the query, if there is one. */
  readonly path: string
  /** Host is the server's address if it is not among them. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

export interface OwnResponse {
  readonly status: number
  readonly body: Readable
  /** The fields after the body, once that has ended. */
  trailers(): Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, unknown>>
}

/** Sends a request on an open connection, which is not closed. Resolves as `sendOwnRequest`. */
export type SendOn = <Result>(
  socket: Socket,
  request: OwnRequest,
  authority: string,
  read: (response: OwnResponse) => Result | Promise<Result>,
) => Promise<Result>
