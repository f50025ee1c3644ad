import type { ClientOrigin } from '../forwarding/client-origin.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import type { Head } from '../http1/head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import type { Failure } from './failure.ts'
import type { OwnResponse } from './own-response.ts'
import type { RequestSource } from './request-body.ts'
import type { ResponseSink } from './response-sink.ts'

/**
 * The client of one exchange, whatever its protocol: an HTTP/1 connection for the length of a request, or an HTTP/2
 * stream. `flush` sends together what was written before it; heads and bytes are valid during the call only.
 */
export interface Downstream extends RequestSource, ResponseSink {
  /** The client that the request comes from. */
  readonly origin: ClientOrigin
  /** Bytes of the request's body that have been handed over, without framing. */
  readonly bodyLength: number
  /** Bytes of the response's body that were written, framing included. */
  readonly bytesSent: number
  /** Whether the client is likely to cancel the request at once. Then `DownstreamUser.flush` says when it may go to a server. */
  readonly isFickle: boolean

  /** Writes an interim response (RFC 9110 §15.2), unless the client's HTTP version has none. */
  inform(head: ResponseHead, options: ConnectionOptions): void
  /**
   * Writes the head of a 101. From then on bytes pass in both directions until both have ended: `end` says that the server has ended
   * its own.
   */
  upgrade(head: ResponseHead, options: ConnectionOptions, fields: string): void
  /** Sends a whole response that Limpet generated. */
  answer(response: OwnResponse): void

  /** The exchange is over, and its response complete. */
  finish(): void
  /** The exchange is over in the middle of its response; the client must be able to tell. */
  reset(): void
}

/** An exchange, as its client sees it. */
export interface DownstreamUser {
  /** Whether the request waits in a queue, so that its answer may take long. */
  readonly isQueued: boolean
  /** Whether its response may begin a session that another process learns of a moment later. */
  readonly isSessionNew: boolean
  /** Bytes of the request's body. */
  bodyBytes(bytes: Buffer, from: number, to: number): void
  /** The request's body is complete or, after a switch of protocols, the client has ended its direction. */
  bodyEnded(trailers?: Head): void
  /**
   * What has arrived of the body has been handed over, and may be sent on. Follows bytes and their end before any other call, and the
   * beginning of a request that its client has not cancelled although it was likely to.
   */
  flush(): void
  /** The client has taken everything that was written. */
  drained(): void
  /** The client's request is invalid, or did not arrive in time. */
  failed(failure: Failure): void
  /** The client has closed the connection. */
  left(): void
}
