import { Failure } from '../../exchange/failure.ts'
import { BodyStage, type ResponseSink } from '../../exchange/response-sink.ts'
import type { BodyForm } from '../../http1/body-decoder.ts'
import type { ConnectionOptions } from '../../http1/connection-options.ts'
import { type Framing, UNTIL_CLOSE } from '../../http1/framing.ts'
import type { ResponseHead } from '../../http1/response-head.ts'
import type { ShortBodies } from './short-bodies.ts'

/** Gathers the short body of one response, and has it compressed when it is whole. */
export class ShortBodyStage extends BodyStage {
  /** It is short: the server never waits. */
  readonly room = Infinity
  readonly #bodies: ShortBodies
  readonly #over: () => void
  #memory: Buffer | undefined
  #length = 0
  #isOver = false

  /** @param over called once, when the response is over */
  constructor(next: ResponseSink, bodies: ShortBodies, over: () => void) {
    super(next)
    this.#bodies = bodies
    this.#over = over
  }

  respond(head: ResponseHead, options: ConnectionOptions, _framing: Framing, fields: string): BodyForm {
    this.next.respond(head, options, UNTIL_CLOSE, fields)
    return 'data'
  }

  data(bytes: Buffer, from: number, to: number): void {
    this.#memory ??= this.#bodies.take()
    this.#length += bytes.copy(this.#memory, this.#length, from, to)
  }

  /** Sends the head. */
  flush(): boolean {
    this.next.flush()
    return true
  }

  end(): void {
    const memory = this.#memory!
    this.#memory = undefined
    this.#bodies.compress(memory.subarray(0, this.#length), (error, pieces) => {
      this.#bodies.giveBack(memory)
      if (this.#isOver) return
      if (error !== undefined) return this.user.failed(new Failure('filter-failed', error.message))
      for (const piece of pieces) this.next.data(piece, 0, piece.length)
      this.next.end()
      this.next.flush()
      this.cancel()
      this.user.ended()
    })
  }

  drained(): void {}

  cancel(): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#memory !== undefined) this.#bodies.giveBack(this.#memory)
    this.#over()
  }
}
