import type { ServerState } from '../balancing/server-state.ts'
import type { ClientOrigin } from '../forwarding/client-origin.ts'
import type { Forwarding } from '../forwarding/forwarding-fields.ts'
import type { BodyForm } from '../http1/body-decoder.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import type { Framing } from '../http1/framing.ts'
import type { Head } from '../http1/head.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import type { Upstream } from '../runtime/snapshot.ts'
import type { Failure } from './failure.ts'
import type { ReceivedRequest } from './received-request.ts'

/**
 * One request to one server and its response, whatever the server speaks: an HTTP/1 connection for the length of an exchange, or
 * an HTTP/2 stream. What is written is sent by `flush`, together; heads and bytes are valid during the call only.
 */
export interface ServerStream {
  /** Whether the server can be sent the request; if not yet, `connected` says when. */
  readonly isConnected: boolean
  /**
   * Writes the request's head, and its body where all of that is there.
   *
   * @param head the request's
   * @returns the form in which the rest of the body is wanted
   */
  send(request: ReceivedRequest, head: RequestHead, forwarding: Forwarding, body: Buffer | undefined): BodyForm
  data(bytes: Buffer, from: number, to: number): void
  /** The request's body is complete; of a switched protocol, the client has ended its direction. */
  end(trailers?: Head): void
  /** Sends what was written. Returns false where nothing more should be written until `drained`. */
  flush(): boolean
  /** Reads no more of the response until `resume`. */
  pause(): void
  resume(): void
  /** Sets how long the server may now be silent, in ms, before `timedOut`; 0 for as long as it likes. */
  wait(ms: number): void
  /** Gives the exchange up: nothing more is sent, read or called. */
  cancel(): void
  /** The same, but what was written is still sent, within `ms`. */
  finish(ms: number): void
}

/** An attempt, as its server sees it. */
export interface ServerStreamUser {
  connected(): void
  /** Bytes of the response have arrived, whatever they are; those they make up follow. */
  heard(): void
  /** An interim response other than 101. */
  interim(head: ResponseHead, options: ConnectionOptions): void
  /** @returns the form in which the body is wanted */
  response(head: ResponseHead, options: ConnectionOptions, framing: Framing): BodyForm
  /** The server has switched to a protocol that the request asked for. */
  switched(head: ResponseHead, options: ConnectionOptions): void
  bodyBytes(bytes: Buffer, from: number, to: number): void
  /** What has arrived has been handed over, and may be sent on. */
  flush(): void
  /** The response is complete, and the stream over; of a switched protocol, the server has ended its direction. */
  ended(trailers?: Head): void
  /** The server has taken all of what was written. */
  drained(): void
  timedOut(): void
  /** The stream is over. */
  failed(failure: Failure): void
}

/** Which connection to a server will do: any; one that is known to be open, for what cannot be sent twice; or a new one. */
export type ConnectionNeed = 'any' | 'proven' | 'new'

/** Opens streams to the servers of an upstream, and keeps what can serve again. */
export interface ServerStreams {
  /** The upstream's settings and servers from now on. What is in use stays so until its exchange is over. */
  apply(settings: Upstream, servers: readonly ServerState[]): void
  /** Nothing is kept any more: closes what is idle, and the rest once its exchange is over. */
  close(): void
  /** @param origin on whose behalf */
  open(server: ServerState, origin: ClientOrigin, need: ConnectionNeed, user: ServerStreamUser): ServerStream
}
