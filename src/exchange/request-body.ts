import type { BodyForm } from '../http1/body-decoder.ts'
import type { Framing } from '../http1/framing.ts'
import type { Head } from '../http1/head.ts'
import type { Failure } from './failure.ts'

/** How much of a body of known length is read before a server is picked, and goes with the head, in bytes. */
export const GATHERED_FIRST = 16 * 1024

/** Whether all of such a body goes with the head. */
export function isShort(framing: Framing): boolean {
  return framing >= 0 && framing <= GATHERED_FIRST
}

/** Hands over the body of a request: its client, or what has been kept of it. */
export interface RequestSource {
  /**
   * Asks for the body, from the beginning or after `holdBody`. It may be handed over before this returns; neither bytes nor the end are
   * handed over unless it is wanted.
   *
   * @param form the form that a chunked body is wanted in, the same each time; any other is handed over as data
   * @param isOwed whether the client has to go on by itself: false where it waits for a 100 (Continue)
   */
  wantBody(form: BodyForm, isOwed: boolean): void
  /** Asks for no more of the body until the next `wantBody`. */
  holdBody(): void
}

/** Hands over a body that has been kept, to one attempt. */
export interface RequestReplay extends RequestSource {
  /** Hands over nothing more. */
  cancel(): void
}

/** Takes what of a request's body did not go with its head. */
export interface RequestBodyUser {
  requestBytes(bytes: Buffer, from: number, to: number): void
  requestEnded(trailers?: Head): void
  /** What was handed over may be sent on. */
  flushRequest(): void
}

/** The body of a request, as far as it is read before a server is picked; and how an attempt sends it. */
export interface RequestBody {
  /** As a server gets it. */
  readonly framing: Framing
  /** Whether the client waits for a 100 (Continue) before it sends its body. */
  readonly isHeldBack: boolean

  // Before a server is picked.

  /** Whether all is here that is to be read before a server is picked. */
  readonly isGathered: boolean
  /** Whether more is to come, and must wait. */
  readonly isFull: boolean
  /** Takes a copy of bytes. The last ones may exceed what was missing. */
  gather(bytes: Buffer, from: number, to: number): void
  /** The client has sent all of it. */
  end(): void
  /** What has arrived was gathered. Returns why it could not be. */
  flush(): Failure | undefined

  // For an attempt.

  /** Whether all of it goes with the head. */
  readonly goesWithHead: boolean
  /** Whether it can be sent more than once. */
  readonly isKept: boolean
  /** What goes with the head; undefined for nothing. */
  readonly bytes: Buffer | undefined
  /** Drops these bytes, once they have been sent and if they are not kept. */
  letGo(): void
  /** Hands over the rest, from its beginning; undefined if the client does. */
  replay(user: RequestBodyUser): RequestReplay | undefined

  /** The exchange is over. */
  close(): void
}
