import type { BodyForm } from '../http1/body-decoder.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import type { Framing } from '../http1/framing.ts'
import type { Head } from '../http1/head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { Failure } from './failure.ts'

/** Takes the response to a request: its client, or a stage before the client. Heads and bytes are valid during the call only. */
export interface ResponseSink {
  /** About how many bytes of a response's body it takes now; Infinity without a limit. */
  readonly room: number
  /**
   * Takes the head of the response.
   *
   * @param framing the framing of the body that the server sends
   * @param fields further field lines, each with its line end
   * @returns the form in which the body is wanted
   */
  respond(head: ResponseHead, options: ConnectionOptions, framing: Framing, fields: string): BodyForm
  data(bytes: Buffer, from: number, to: number): void
  /** The response's body is complete. */
  end(trailers?: Head): void
  /**
   * Sends what was written. Returns false if nothing more should be written until it is drained. What was written, a head too, must be
   * sent before the call from the server returns: all responses of a worker are put together in the same memory.
   */
  flush(): boolean
}

/** Is told what becomes of what a stage has taken. */
export interface StageUser {
  /** After `flush` has returned false: more may be written. */
  drained(): void
  /** The end of the body has gone on to the client. */
  ended(): void
  /** The body cannot go on. */
  failed(failure: Failure): void
}

/**
 * Stands between a server and its client for the body of one response, and changes or holds it. What comes of it goes to `next`, at
 * once or later: the server is free as soon as its response has been taken.
 */
export abstract class BodyStage implements ResponseSink {
  /** Set before the response begins. */
  user!: StageUser
  protected readonly next: ResponseSink

  constructor(next: ResponseSink) {
    this.next = next
  }

  abstract readonly room: number
  abstract respond(head: ResponseHead, options: ConnectionOptions, framing: Framing, fields: string): BodyForm
  abstract data(bytes: Buffer, from: number, to: number): void
  abstract end(trailers?: Head): void
  abstract flush(): boolean
  /** `next` takes more again. */
  abstract drained(): void
  /** The exchange is over: nothing more goes on. */
  abstract cancel(): void

  /** Goes on after an event of its own, of which nobody else knows: a throw ends this response, and not the worker. */
  protected attend(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.user.failed(new Failure('filter-failed', String(error)))
    }
  }
}
