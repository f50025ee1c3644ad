import type { BodyReader } from '../affinity/affinity.ts'
import type { HeadEdits, RequestEdits } from '../forwarding/head-edits.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import type { AttemptedExchange } from '../observability/exchange-record.ts'
import type { Downstream } from './downstream.ts'
import type { Failure } from './failure.ts'
import type { ReceivedRequest } from './received-request.ts'
import type { RequestBody } from './request-body.ts'
import type { ResponseSink } from './response-sink.ts'
import type { Trace } from './trace.ts'
import type { WorkerContext } from './worker-context.ts'

/** The exchange that an attempt is made for. */
export interface AttemptOwner extends AttemptedExchange {
  readonly context: WorkerContext
  readonly downstream: Downstream
  readonly request: ReceivedRequest
  readonly body: RequestBody
  readonly trace: Trace | undefined
  /** What filters have changed in the request's head. */
  readonly edits: RequestEdits | undefined
  /** What filters have changed in the response's head, once the server has answered. */
  readonly responseEdits: HeadEdits | undefined
  /** What takes the response: the client, or what stands before it. */
  readonly sink: ResponseSink
  /** All of the request has been written to the server. */
  requestSent(): void
  /**
   * Whether the client is to get the server's answer, which has just begun. If not, another answer is given, or another server is
   * asked, and the attempt is over.
   */
  takes(head: ResponseHead): boolean
  /**
   * The server has answered.
   *
   * @param endsSession whether it says that the session of the request is over
   * @returns further field lines for the client; empty for none
   */
  answered(head: ResponseHead, endsSession: boolean): string
  /** The options with which the head of the response is passed on, after `answered`: fields that filters remove end here. */
  optionsFor(head: ResponseHead, options: ConnectionOptions): ConnectionOptions
  /** Reads the first bytes of the response's body before the client gets them; undefined for no reader. */
  readerOf(head: ResponseHead): BodyReader | undefined
  /** The server has given the status of the call; undefined if the response ends without one. */
  callEnded(status: number | undefined): void
  /** The response has been relayed to its end. */
  attemptComplete(): void
  attemptFailed(failure: Failure): void
  /** After a switch of protocols, the server's connection failed. */
  attemptAborted(): void
}
