import { randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pages } from './pages.ts'

/** How many bytes may be on their way to the disk before more is to wait. */
const MOST_PENDING = 256 * 1024

/** Is told what becomes of the bytes of a SpillFile. */
export interface SpillUser {
  /** More of them are on the disk. */
  spilled(): void
  /** The disk takes no more. What is on it can be read all the same; the rest stays in memory. */
  spillFailed(error: NodeJS.ErrnoException): void
}

/**
 * Bytes on disk, in order, each at its offset since the first one. They are in a file of the folder for temporary files that loses its
 * name as soon as it is made: the disk space is free when it is closed, or the process ends. What has been released makes room for what
 * comes, so the file never grows beyond its capacity.
 */
export class SpillFile {
  readonly #capacity: number
  readonly #user: SpillUser
  /** Undefined until the first bytes are written. */
  #handle: FileHandle | undefined
  /** What has been appended, and is not on the disk yet; of that, the rest of the page that is being written. */
  readonly #pending = new Pages()
  #page: Buffer | undefined
  #isWriting = false
  #hasFailed = false
  #isClosed = false
  /** Offsets: what comes before is on the disk, and is not needed any more. */
  #written = 0
  #released = 0

  /** @param capacity in bytes; what exceeds it waits in memory until something is released */
  constructor(capacity: number, user: SpillUser) {
    this.#capacity = capacity
    this.#user = user
  }

  /** How many bytes have been appended and not released. */
  get length(): number {
    return this.#written - this.#released + this.pending
  }

  /** How many of them are not on the disk yet. */
  get pending(): number {
    return this.#pending.length + (this.#page?.length ?? 0)
  }

  /** Whether so many are on their way to the disk that more should wait until some have been `spilled`. */
  get isBehind(): boolean {
    return this.pending > MOST_PENDING
  }

  /** The offset after the last byte that is on the disk. */
  get written(): number {
    return this.#written
  }

  /** Appends a copy. */
  append(bytes: Buffer, from: number, to: number): void {
    this.#pending.add(bytes, from, to)
  }

  /** Begins to write what has been appended. */
  flush(): void {
    if (this.#isWriting || this.#isClosed || this.#hasFailed || this.pending === 0 || this.#room === 0) return
    this.#isWriting = true
    this.#write().then(
      () => {
        this.#isWriting = false
        this.flush()
        if (!this.#isClosed) this.#user.spilled()
      },
      (error) => {
        this.#isWriting = false
        this.#hasFailed = true
        if (!this.#isClosed) this.#user.spillFailed(error)
      },
    )
  }

  get #room(): number {
    return this.#capacity - (this.#written - this.#released)
  }

  /** Writes a part of what is pending. */
  async #write(): Promise<void> {
    if (this.#handle === undefined) await this.#open()
    if (this.#isClosed) return
    const page = this.#page ?? this.#pending.shift()!
    this.#page = page
    const position = this.#written % this.#capacity
    const size = Math.min(page.length, this.#room, this.#capacity - position)
    const { bytesWritten } = await this.#handle!.write(page, 0, size, position)
    this.#written += bytesWritten
    this.#page = bytesWritten === page.length ? undefined : page.subarray(bytesWritten)
  }

  async #open(): Promise<void> {
    const path = join(tmpdir(), `limpet-${randomUUID()}`)
    const handle = await open(path, 'wx+', 0o600)
    try {
      await unlink(path)
    } catch (error) {
      await handle.close()
      throw error
    }
    if (this.#isClosed) await handle.close()
    else this.#handle = handle
  }

  /**
   * Reads from that offset on what is on the disk: at least one byte, if there is one, and at most so many.
   *
   * @throws the system's error
   */
  async read(offset: number, most: number): Promise<Buffer> {
    const position = offset % this.#capacity
    const size = Math.min(most, this.#written - offset, this.#capacity - position)
    const bytes = Buffer.allocUnsafe(size)
    const { bytesRead } = await this.#handle!.read(bytes, 0, size, position)
    if (bytesRead === 0) throw new Error('the file has been cut off')
    return bytes.subarray(0, bytesRead)
  }

  /** What comes before that offset is not needed any more. */
  release(offset: number): void {
    this.#released = offset
    this.flush()
  }

  /** Takes away the first bytes that are not on the disk, when nothing else is left; undefined if they are being written. */
  shift(): Buffer | undefined {
    if (this.#isWriting || this.#released < this.#written) return undefined
    const page = this.#page ?? this.#pending.shift()
    this.#page = undefined
    return page
  }

  close(): void {
    this.#isClosed = true
    this.#pending.clear()
    // Waits for what is being read and written.
    this.#handle?.close().catch(() => {})
  }
}
