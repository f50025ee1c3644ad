import type { Transform } from 'node:stream'
import { constants, createBrotliCompress, createGzip, createZstdCompress } from 'node:zlib'
import { Failure } from '../../exchange/failure.ts'
import { BodyStage, type ResponseSink } from '../../exchange/response-sink.ts'
import type { BodyForm } from '../../http1/body-decoder.ts'
import type { ConnectionOptions } from '../../http1/connection-options.ts'
import { type Framing, UNTIL_CLOSE } from '../../http1/framing.ts'
import type { Head } from '../../http1/head.ts'
import type { ResponseHead } from '../../http1/response-head.ts'
import { readTrailers } from '../../http1/trailers.ts'
import type { Coding } from '../../runtime/filter-settings.ts'

interface Compression {
  readonly coding: Coding
  /** From 1 to 9. */
  readonly level: number
  /** Whether what has arrived is to be sent on at once, since more may come much later. */
  readonly isStream: boolean
  /** Whether the response has no body, since the request is a HEAD. */
  readonly isToHead: boolean
}

/** Compresses the body of one response, on the threads of zlib. */
export class CompressStage extends BodyStage {
  readonly #compression: Compression
  readonly #over: () => void
  #compressor: (Transform & { flush(): void }) | undefined
  #hasNew = false
  #trailers: Buffer | undefined
  /** Whether the head has been written and not sent: the memory that it is in is the next response's, too. */
  #owesHead = false
  #isOver = false

  /** @param over called once, when nothing is compressed any more */
  constructor(next: ResponseSink, compression: Compression, over: () => void) {
    super(next)
    this.#compression = compression
    this.#over = over
  }

  get room(): number {
    return this.next.room
  }

  respond(head: ResponseHead, options: ConnectionOptions, framing: Framing, fields: string): BodyForm {
    const isEmpty = framing === 0 || this.#compression.isToHead
    this.next.respond(head, options, isEmpty ? framing : UNTIL_CLOSE, fields)
    if (!isEmpty) this.#compressor = this.#begin()
    this.#owesHead = !isEmpty
    return 'data'
  }

  #begin(): Transform & { flush(): void } {
    const compressor = compressorFor(this.#compression)
    compressor.on('data', (bytes: Buffer) =>
      this.attend(() => {
        this.next.data(bytes, 0, bytes.length)
        if (!this.next.flush()) compressor.pause()
      }),
    )
    compressor.on('drain', () => this.attend(() => this.user.drained()))
    compressor.on('end', () => this.attend(() => this.#finish()))
    compressor.on('error', (error) => this.user.failed(new Failure('filter-failed', error.message)))
    return compressor
  }

  data(bytes: Buffer, from: number, to: number): void {
    this.#hasNew = true
    this.#compressor?.write(Buffer.from(bytes.subarray(from, to)))
  }

  flush(): boolean {
    const compressor = this.#compressor
    if (compressor === undefined) return this.next.flush()
    if (this.#owesHead) {
      this.#owesHead = false
      this.next.flush()
    }
    if (this.#hasNew && this.#compression.isStream) compressor.flush()
    this.#hasNew = false
    return !compressor.writableNeedDrain
  }

  end(trailers?: Head): void {
    if (trailers !== undefined) this.#trailers = Buffer.from(trailers.bytes.subarray(trailers.start, trailers.end))
    if (this.#compressor === undefined) this.#finish()
    else this.#compressor.end()
  }

  #finish(): void {
    this.next.end(this.#trailers && readTrailers(this.#trailers))
    this.next.flush()
    this.#close()
    this.user.ended()
  }

  drained(): void {
    if (this.#compressor === undefined) this.user.drained()
    else this.#compressor.resume()
  }

  cancel(): void {
    this.#close()
    this.#compressor?.destroy()
  }

  #close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#over()
  }
}

function compressorFor({ coding, level }: Compression): Transform & { flush(): void } {
  switch (coding) {
    case 'gzip':
      return createGzip({ level })
    case 'br':
      return createBrotliCompress({
        flush: constants.BROTLI_OPERATION_PROCESS,
        params: { [constants.BROTLI_PARAM_QUALITY]: level },
      })
    case 'zstd':
      return createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level } })
  }
}
