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
import type { RequestBody } from './request-body.ts'

/**
 * One request to one server and its response, whatever the server's protocol: an HTTP/1 connection for the length of an
 * exchange, or an HTTP/2 stream. `flush` sends together what was written before it; heads and bytes are valid during
 * the call only.
 */
export interface ServerStream {
  readonly protocol: 'HTTP/1.1' | 'HTTP/2.0'
  /** Whether the request can be sent now; if not, `connected` follows. */
  readonly isConnected: boolean
  /**
   * Writes the request's head, and what is there of its body.
   *
   * @param head the request's
   * @returns the form in which the rest of the body is wanted
   */
  send(request: ReceivedRequest, head: RequestHead, forwarding: Forwarding, body: RequestBody): BodyForm
  data(bytes: Buffer, from: number, to: number): void
  /** The request's body is complete or, after a switch of protocols, the client has ended its direction. */
  end(trailers?: Head): void
  /** Sends what was written. Returns false if nothing more should be written until `drained`. */
  flush(): boolean
  /** Reads no more of the response until `resume`. */
  pause(): void
  resume(): void
  /** Sets how long the server may now be silent, in ms, before `timedOut`; 0 for no limit. */
  wait(ms: number): void
  /** Abandons the request: nothing more is sent, read or called. */
  cancel(): void
  /** As `cancel`, while the head of the response is handed over. If all of the response is there, its connection is kept. */
  discard(): void
  /** As `cancel`, but what was written is still sent, within `ms`. */
  finish(ms: number): void
}

/** An attempt, as its server sees it. */
export interface ServerStreamUser {
  /** About how many bytes of the response could be sent on now. */
  readonly room: number
  connected(): void
  /** Before anything was sent: that stream takes the place of this one, since the server speaks another protocol. */
  replaced(by: ServerStream): void
  /** Bytes have arrived from the server; calls for their content follow. */
  heard(): void
  /** An interim response other than 101. */
  interim(head: ResponseHead, options: ConnectionOptions): void
  /** @returns the form in which the body is wanted */
  response(head: ResponseHead, options: ConnectionOptions, framing: Framing): BodyForm
  /** The server has switched to a protocol that the request asked for. */
  switched(head: ResponseHead, options: ConnectionOptions): void
  bodyBytes(bytes: Buffer, from: number, to: number): void
  /** Everything that has arrived has been handed over, and may be sent on. */
  flush(): void
  /**
   * The response is complete and the stream over or, after a switch of protocols, the server has ended its direction.
   */
  ended(trailers?: Head): void
  /** The server has taken everything that was written. */
  drained(): void
  timedOut(): void
  /** The stream is over. */
  failed(failure: Failure): void
}

/** Which connection a request needs: any; one that is known to be open, if it cannot be sent twice; or a new one. */
export type ConnectionNeed = 'any' | 'proven' | 'new'

/** Opens streams to the servers of an upstream, and keeps connections for reuse. */
export interface ServerStreams {
  /** Takes over other settings and servers. Connections in use are kept until their exchanges are over. */
  apply(settings: Upstream, servers: readonly ServerState[]): void
  /** Closes idle connections now, and the others once their exchanges are over. */
  close(): void
  /**
   * @param origin the client that the request comes from
   * @param isUpgrade whether the request asks to switch protocols
   */
  open(
    server: ServerState,
    origin: ClientOrigin,
    isUpgrade: boolean,
    need: ConnectionNeed,
    user: ServerStreamUser,
  ): ServerStream
}
