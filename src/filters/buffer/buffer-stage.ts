import { Failure } from '../../exchange/failure.ts'
import { BodyStage, type ResponseSink } from '../../exchange/response-sink.ts'
import type { WorkerContext } from '../../exchange/worker-context.ts'
import type { BodyForm } from '../../http1/body-decoder.ts'
import type { ConnectionOptions } from '../../http1/connection-options.ts'
import { CHUNKED, type Framing, UNTIL_CLOSE } from '../../http1/framing.ts'
import type { Head } from '../../http1/head.ts'
import type { ResponseHead } from '../../http1/response-head.ts'
import { readTrailers } from '../../http1/trailers.ts'
import type { BufferResponseSettings } from '../../runtime/filter-settings.ts'
import { Pages } from '../../transport/pages.ts'
import { SpillFile, type SpillUser } from '../../transport/spill-file.ts'

/** How much is read from the disk at a time, in bytes. */
const PIECE = 256 * 1024

/** Keeps what a client does not take yet: in memory, and beyond that on disk. */
export class BufferStage extends BodyStage implements SpillUser {
  readonly room = Infinity
  readonly #settings: BufferResponseSettings
  readonly #context: Pick<WorkerContext, 'bufferMemory' | 'notices'>
  /** What the client gets next. */
  readonly #memory = new Pages()
  /** What comes after that. */
  #file: SpillFile | undefined
  /** The offset in the file of what is to be read next. */
  #offset = 0
  #isReading = false
  #takesDisk: boolean
  #nextIsFull = false
  #isServerHeld = false
  #hasEnded = false
  #trailers: Buffer | undefined
  #isOver = false

  constructor(
    next: ResponseSink,
    settings: BufferResponseSettings,
    context: Pick<WorkerContext, 'bufferMemory' | 'notices'>,
  ) {
    super(next)
    this.#settings = settings
    this.#context = context
    this.#takesDisk = settings.disk > 0
  }

  respond(head: ResponseHead, options: ConnectionOptions, framing: Framing, fields: string): BodyForm {
    this.next.respond(head, options, framing === CHUNKED ? UNTIL_CLOSE : framing, fields)
    return 'data'
  }

  // ── what the server sends ──────────────────────────────────────────────────────────────────────────────────────

  data(bytes: Buffer, from: number, to: number): void {
    if (this.#stored === 0 && !this.#nextIsFull) return this.next.data(bytes, from, to)
    // What comes after bytes on the disk goes there, too.
    const rest = this.#onDisk === 0 ? this.#keep(bytes, from, to) : from
    if (rest === to) return
    this.#file ??= new SpillFile(this.#settings.disk, this)
    this.#file.append(bytes, rest, to)
  }

  /** How many bytes the client has not got. */
  get #stored(): number {
    return this.#memory.length + this.#onDisk
  }

  get #onDisk(): number {
    return this.#file?.length ?? 0
  }

  /** Keeps in memory what is to stay there; returns where the rest begins. */
  #keep(bytes: Buffer, from: number, to: number): number {
    const { bufferMemory } = this.#context
    const room = bufferMemory.isUsedUp ? 0 : this.#settings.memory - this.#memory.length
    const size = this.#takesDisk ? Math.min(to - from, Math.max(0, room)) : to - from
    bufferMemory.take(size)
    this.#memory.add(bytes, from, from + size)
    return from + size
  }

  flush(): boolean {
    if (this.#stored === 0 && !this.#nextIsFull) this.#nextIsFull = !this.next.flush()
    this.#file?.flush()
    this.#isServerHeld = !this.#hasRoom
    return !this.#isServerHeld
  }

  get #hasRoom(): boolean {
    if (this.#stored === 0 && !this.#nextIsFull) return true
    if (this.#file?.isBehind) return false
    const { memory, disk } = this.#settings
    if (this.#takesDisk) return this.#stored < memory + disk
    return this.#stored < memory && !this.#context.bufferMemory.isUsedUp
  }

  end(trailers?: Head): void {
    this.#hasEnded = true
    if (trailers !== undefined) {
      const { bytes, start, end } = trailers
      this.#trailers = Buffer.from(bytes.subarray(start, end))
    }
    this.#file?.flush()
    this.#advance()
  }

  spilled(): void {
    this.attend(() => this.#advance())
  }

  /** From now on the server waits for the client once the memory is full. */
  spillFailed(error: NodeJS.ErrnoException): void {
    this.#takesDisk = false
    this.#context.notices.storageFailed(error)
    this.attend(() => this.#advance())
  }

  // ── what the client takes ──────────────────────────────────────────────────────────────────────────────────────

  drained(): void {
    this.#nextIsFull = false
    this.#advance()
  }

  /** Sends on what the client takes. */
  #advance(): void {
    if (this.#isOver) return
    for (let page = this.#take(); page !== undefined; page = this.#take()) {
      this.#send(page)
      if (this.#isOver) return
    }
    if (this.#hasEnded && this.#stored === 0) return this.#finish()
    if (!this.#nextIsFull) this.#read()
    if (this.#isServerHeld && this.#hasRoom) {
      this.#isServerHeld = false
      this.user.drained()
    }
  }

  /** Takes away what the client gets next, if that is in memory and the client takes it. */
  #take(): Buffer | undefined {
    if (this.#nextIsFull) return undefined
    const page = this.#memory.shift()
    // What has not gone to the disk needs not go there any more.
    if (page === undefined) return this.#file?.shift()
    this.#context.bufferMemory.giveBack(page.length)
    return page
  }

  #send(bytes: Buffer): void {
    this.next.data(bytes, 0, bytes.length)
    this.#nextIsFull = !this.next.flush()
  }

  #read(): void {
    const file = this.#file
    if (this.#isReading || file === undefined || file.written === this.#offset) return
    this.#isReading = true
    file.read(this.#offset, PIECE).then(
      (bytes) => {
        this.#isReading = false
        if (this.#isOver) return
        this.attend(() => {
          this.#offset += bytes.length
          this.#send(bytes)
          file.release(this.#offset)
          this.#advance()
        })
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

  #fail(error: NodeJS.ErrnoException): void {
    if (this.#isOver) return
    this.cancel()
    this.#context.notices.storageFailed(error)
    this.user.failed(new Failure('storage-failed', error.message))
  }

  cancel(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#context.bufferMemory.giveBack(this.#memory.length)
    this.#memory.clear()
    this.#file?.close()
  }
}
