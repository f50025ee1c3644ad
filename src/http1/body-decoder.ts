import { type BodySink, ChunkedBody, type Sender } from './chunked-body.ts'
import { CHUNKED, type Framing, UNTIL_CLOSE } from './framing.ts'
import type { Head, HeadLimits } from './head.ts'

/**
 * How a body is handed on: as its data alone, or, where it came in chunks, in these chunks without their extensions, up to
 * the line of the last one (the trailer section is missing). The latter is for a recipient that speaks HTTP/1.1 as well.
 */
export type BodyForm = 'data' | 'chunks'

/** Finds a message's body in the bytes of its connection. It keeps nothing: each byte is handed on in the call that it came with. */
export class BodyDecoder {
  /** Whether the body has been read to its end. */
  done: boolean
  readonly #untilClose: boolean
  readonly #chunked: ChunkedBody | undefined
  #remaining: number
  /** Bytes of data, where the body is not chunked. */
  #length = 0

  constructor(framing: Framing, form: BodyForm, limits: HeadLimits, sender: Sender) {
    this.#untilClose = framing === UNTIL_CLOSE
    this.#chunked = framing === CHUNKED ? new ChunkedBody(form === 'chunks', limits, sender) : undefined
    this.#remaining = Math.max(0, framing)
    this.done = framing === 0
  }

  /** Bytes of data so far, without their framing. */
  get length(): number {
    return this.#chunked?.length ?? this.#length
  }

  /** The fields after a chunked body's last chunk, once it is done; undefined where there are none. */
  get trailers(): Head | undefined {
    return this.#chunked?.trailers
  }

  /**
   * Hands what of `bytes[from, …)` belongs to the body to `sink`.
   *
   * @returns the offset after the body's last byte
   * @throws MessageError where its framing breaks the rules
   */
  read(bytes: Buffer, from: number, sink: BodySink): number {
    if (this.#chunked !== undefined) {
      const end = this.#chunked.read(bytes, from, sink)
      this.done = this.#chunked.done
      return end
    }
    const available = bytes.length - from
    const take = this.#untilClose ? available : Math.min(available, this.#remaining)
    this.#length += take
    if (!this.#untilClose) {
      this.#remaining -= take
      this.done = this.#remaining === 0
    }
    if (take > 0) sink.bodyBytes(bytes, from, from + take)
    return from + take
  }

  /** The sender closed its side. Returns whether the body is whole. */
  close(): boolean {
    if (this.#untilClose) this.done = true
    return this.done
  }
}
