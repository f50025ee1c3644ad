import { Failure } from '../../exchange/failure.ts'
import { BodyStage, type ResponseSink } from '../../exchange/response-sink.ts'
import type { BodyForm } from '../../http1/body-decoder.ts'
import type { ConnectionOptions } from '../../http1/connection-options.ts'
import { CHUNKED, type Framing, UNTIL_CLOSE } from '../../http1/framing.ts'
import type { Head } from '../../http1/head.ts'
import type { ResponseHead } from '../../http1/response-head.ts'
import { readTrailers } from '../../http1/trailers.ts'
import type { BufferResponseSettings } from '../../runtime/filter-settings.ts'
import { SpillFile } from './spill-file.ts'

/** How much is read from the disk at a time, and may be on its way to it, in bytes. */
const PIECE = 256 * 1024

/** Keeps what a client does not take yet: in memory, and beyond that on disk. */
export class BufferStage extends BodyStage {
  readonly #settings: BufferResponseSettings
  /** In memory, in order. What is in the file comes after it, and what is `#arriving` after that. */
  #chunks: Buffer[] = []
  #inMemory = 0
  #file: SpillFile | undefined
  /** The bytes that are being written to the file. */
  #beingWritten = 0
  #isOpening = false
  #isReading = false
  /** What has arrived while the file is being opened. */
  #arriving: Buffer[] = []
  #nextIsFull = false
  #isServerHeld = false
  #hasEnded = false
  #trailers: Buffer | undefined
  #isOver = false

  constructor(next: ResponseSink, settings: BufferResponseSettings) {
    super(next)
    this.#settings = settings
  }

  readonly room = Infinity

  respond(head: ResponseHead, options: ConnectionOptions, framing: Framing, fields: string): BodyForm {
    this.next.respond(head, options, framing === CHUNKED ? UNTIL_CLOSE : framing, fields)
    return 'data'
  }

  data(bytes: Buffer, from: number, to: number): void {
    if (this.#isEmpty && !this.#nextIsFull) return this.next.data(bytes, from, to)
    const copy = Buffer.from(bytes.subarray(from, to))
    if (this.#isOnDisk) this.#spill(copy)
    else if (this.#inMemory + copy.length <= this.#settings.memory || this.#settings.disk === 0) this.#keep(copy)
    else this.#spill(copy)
  }

  get #isEmpty(): boolean {
    return this.#chunks.length === 0 && !this.#isOnDisk
  }

  /** Whether what comes next goes to the disk, since it comes after what is there. */
  get #isOnDisk(): boolean {
    return this.#isReading || this.#arriving.length > 0 || (this.#file?.length ?? 0) > 0
  }

  #keep(bytes: Buffer): void {
    this.#chunks.push(bytes)
    this.#inMemory += bytes.length
  }

  #spill(bytes: Buffer): void {
    this.#arriving.push(bytes)
    this.#beingWritten += bytes.length
    if (this.#file !== undefined) this.#write()
    else if (!this.#isOpening) this.#open()
  }

  #open(): void {
    this.#isOpening = true
    SpillFile.open().then(
      (file) => {
        this.#file = file
        if (this.#isOver) file.close()
        else this.#write()
      },
      (error) => this.#fail(error),
    )
  }

  #write(): void {
    const bytes = Buffer.concat(this.#arriving)
    this.#arriving = []
    this.#file!.write(bytes).then(
      () => {
        this.#beingWritten -= bytes.length
        this.#advance()
      },
      (error) => this.#fail(error),
    )
  }

  flush(): boolean {
    if (this.#isEmpty && !this.#nextIsFull) this.#nextIsFull = !this.next.flush()
    this.#isServerHeld = !this.#hasRoom
    return !this.#isServerHeld
  }

  get #hasRoom(): boolean {
    const { memory, disk } = this.#settings
    if (this.#beingWritten > PIECE) return false
    const stored = this.#inMemory + (this.#file?.length ?? 0) + this.#beingWritten
    return stored < memory + disk
  }

  end(trailers?: Head): void {
    this.#hasEnded = true
    if (trailers !== undefined) {
      const { bytes, start, end } = trailers
      this.#trailers = Buffer.from(bytes.subarray(start, end))
    }
    this.#advance()
  }

  drained(): void {
    this.#nextIsFull = false
    this.#advance()
  }

  /** Sends on what the client takes. */
  #advance(): void {
    if (this.#isOver) return
    while (!this.#nextIsFull && this.#chunks.length > 0) {
      const chunk = this.#chunks.shift()!
      this.#inMemory -= chunk.length
      this.next.data(chunk, 0, chunk.length)
      this.#nextIsFull = !this.next.flush()
      if (this.#isOver) return
    }
    if (this.#chunks.length === 0 && !this.#isReading && (this.#file?.length ?? 0) > 0) this.#read()
    if (this.#hasEnded && this.#isEmpty) return this.#finish()
    if (this.#isServerHeld && this.#hasRoom) {
      this.#isServerHeld = false
      this.user.drained()
    }
  }

  #read(): void {
    this.#isReading = true
    this.#file!.read(PIECE).then(
      (bytes) => {
        this.#isReading = false
        this.#keep(bytes)
        this.#advance()
      },
      (error) => this.#fail(error),
    )
  }

  #finish(): void {
    this.cancel()
    this.next.end(this.#trailers && readTrailers(this.#trailers))
    this.next.flush()
    this.user.ended()
  }

  #fail(error: unknown): void {
    if (this.#isOver) return
    this.cancel()
    this.user.failed(new Failure('filter-failed', String(error)))
  }

  cancel(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#file?.close()
    this.#chunks = []
  }
}
