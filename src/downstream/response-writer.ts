import type { OwnResponse } from '../exchange/own-response.ts'
import type { ReceivedRequest } from '../exchange/received-request.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import {
  type Closing,
  declaredLength,
  writeResponseHead,
  writeSwitchingHead,
} from '../forwarding/forwarded-response.ts'
import { writeTrailerSection } from '../forwarding/passed-trailers.ts'
import type { BodyForm } from '../http1/body-decoder.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import { CHUNKED, type Framing, UNTIL_CLOSE } from '../http1/framing.ts'
import type { Head } from '../http1/head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { writeChunk, writeLastChunk } from '../transport/chunk.ts'
import type { SocketWriter } from '../transport/socket-writer.ts'
import { ownHead } from './own-head.ts'

/** From that length on, a write of its own costs less than a copy. */
const WORTH_A_WRITE = 16 * 1024

const NOTHING = Buffer.alloc(0)

/** Writes the responses on one HTTP/1 connection of a client, one after another. */
export class ResponseWriter {
  /** Whether the connection can serve another request after this one. */
  persists = true
  /**
   * Whether the client can tell a truncated response, by its framing or by its own protocol, when the connection just
   * closes.
   */
  hasVisibleEnd = false
  /** Whether both sides have switched protocols. */
  isTunnel = false
  readonly #context: WorkerContext
  readonly #writer: SocketWriter
  /** Bytes of the current response's body, framing included. */
  bytesSent = 0
  /** Whether the client gets the body in chunks (RFC 9112 §7.1), and whether they are made here. */
  #isChunked = false
  #makesChunks = false
  #isHttp10 = false
  #takesTrailers = false

  constructor(context: WorkerContext, writer: SocketWriter) {
    this.#context = context
    this.#writer = writer
  }

  /** Begins the response to another request. */
  begin({ persists, isHttp10, takesTrailers }: ReceivedRequest): void {
    this.persists = persists
    this.hasVisibleEnd = false
    this.#isHttp10 = isHttp10
    this.#takesTrailers = takesTrailers
    this.bytesSent = 0
    this.#isChunked = this.#makesChunks = false
  }

  get #closing(): Closing {
    if (!this.persists) return 'close'
    return this.#isHttp10 ? 'keep-alive' : 'unsaid'
  }

  /** Writes a 1xx, unless the client speaks HTTP/1.0 (RFC 9110 §15.2). */
  inform(head: ResponseHead, options: ConnectionOptions): void {
    if (!this.#isHttp10) writeResponseHead(this.#context.scratch, head, options, -1, false, 'unsaid')
  }

  respond(head: ResponseHead, options: ConnectionOptions, framing: Framing, fields: string): BodyForm {
    const isChunked = framing < 0 && !this.#isHttp10
    const length = declaredLength(head, framing, options)
    this.hasVisibleEnd = framing >= 0 || isChunked
    this.persists &&= this.hasVisibleEnd
    const mayHaveTrailers = isChunked && this.#takesTrailers
    writeResponseHead(this.#context.scratch, head, options, length, isChunked, this.#closing, fields, mayHaveTrailers)
    this.#isChunked = isChunked
    this.#makesChunks = isChunked && framing === UNTIL_CLOSE
    return isChunked && framing === CHUNKED ? 'chunks' : 'data'
  }

  upgrade(head: ResponseHead, options: ConnectionOptions, fields: string): void {
    this.isTunnel = true
    this.hasVisibleEnd = true
    this.persists = false
    writeSwitchingHead(this.#context.scratch, head, options, fields)
  }

  data(bytes: Buffer, from: number, to: number): void {
    const { scratch } = this.#context
    if (this.#makesChunks) {
      this.bytesSent += writeChunk(scratch, bytes, from, to)
      return
    }
    scratch.copy(bytes, from, to)
    this.bytesSent += to - from
  }

  end(trailers?: Head): void {
    if (this.#isChunked) this.#endChunks(trailers)
    if (!this.isTunnel) return
    // What was written before goes before the end.
    this.flush()
    this.#writer.end()
  }

  #endChunks(trailers: Head | undefined): void {
    const { scratch } = this.#context
    const before = scratch.length
    if (this.#makesChunks) writeLastChunk(scratch)
    writeTrailerSection(scratch, trailers)
    this.bytesSent += scratch.length - before
  }

  flush(): void {
    const { scratch } = this.#context
    if (scratch.length > 0) scratch.flushTo(this.#writer)
  }

  answer(response: OwnResponse): void {
    if (response.isLast) this.persists = false
    const head = ownHead(response, this.#closing)
    const { isToHead } = response
    const body = isToHead ? NOTHING : response.body
    if (body.length < WORTH_A_WRITE) this.#writer.write(Buffer.concat([head, body]))
    else {
      this.#writer.write(head)
      // It never changes: the socket may keep it for as long as the client takes, without a copy.
      this.#writer.write(body)
    }
    this.bytesSent = body.length
  }
}
