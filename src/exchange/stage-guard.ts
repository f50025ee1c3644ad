import type { BodyForm } from '../http1/body-decoder.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import type { Framing } from '../http1/framing.ts'
import type { Head } from '../http1/head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { Failure } from './failure.ts'
import type { ResponseSink, StageUser } from './response-sink.ts'

/** Stands before the stages of a response: one that throws ends that response, and nothing else. */
export class StageGuard implements ResponseSink {
  readonly #first: ResponseSink
  readonly #client: ResponseSink
  readonly #user: StageUser
  #hasFailed = false

  /** @param first the stage that takes what the server sends */
  constructor(first: ResponseSink, client: ResponseSink, user: StageUser) {
    this.#first = first
    this.#client = client
    this.#user = user
  }

  get room(): number {
    return this.#first.room
  }

  respond(head: ResponseHead, options: ConnectionOptions, framing: Framing, fields: string): BodyForm {
    try {
      return this.#first.respond(head, options, framing, fields)
    } catch (error) {
      this.#fail(error)
      return 'data'
    }
  }

  data(bytes: Buffer, from: number, to: number): void {
    if (this.#hasFailed) return
    try {
      this.#first.data(bytes, from, to)
    } catch (error) {
      this.#fail(error)
    }
  }

  end(trailers?: Head): void {
    this.attend(() => this.#first.end(trailers))
  }

  flush(): boolean {
    if (this.#hasFailed) return true
    try {
      return this.#first.flush()
    } catch (error) {
      this.#fail(error)
      return true
    }
  }

  /** Has a stage do something, unless one has failed. */
  attend(act: () => void): void {
    if (this.#hasFailed) return
    try {
      act()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Not at once: whoever reads the server's response is in the middle of it. What was written is the client's, and nobody else's. */
  #fail(error: unknown): void {
    this.#hasFailed = true
    this.#client.flush()
    queueMicrotask(() => this.#user.failed(new Failure('filter-failed', String(error))))
  }
}
