import { randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Bytes on disk, first in, first out: a file without a name, which is gone when it is closed, or the process ends. */
export class SpillFile {
  readonly #handle: FileHandle
  #written = 0
  #read = 0
  /** What has been begun on the file; the next begins after it. */
  #last: Promise<unknown> = Promise.resolve()

  private constructor(handle: FileHandle) {
    this.#handle = handle
  }

  /** @throws the system's error if the file cannot be made */
  static async open(folder = tmpdir()): Promise<SpillFile> {
    const path = join(folder, `limpet-${randomUUID()}`)
    const handle = await open(path, 'wx+', 0o600)
    await unlink(path)
    return new SpillFile(handle)
  }

  /** How many bytes have been written and not been read. */
  get length(): number {
    return this.#written - this.#read
  }

  /** Appends bytes, which stay as they are until they have been written. */
  write(bytes: Buffer): Promise<void> {
    const position = this.#written
    this.#written += bytes.length
    return this.#after(async () => {
      for (let at = 0; at < bytes.length; ) {
        const { bytesWritten } = await this.#handle.write(bytes, at, bytes.length - at, position + at)
        at += bytesWritten
      }
    })
  }

  /** The next bytes, at most so many. */
  read(most: number): Promise<Buffer> {
    const size = Math.min(most, this.length)
    const position = this.#read
    this.#read += size
    return this.#after(async () => {
      const bytes = Buffer.allocUnsafe(size)
      for (let at = 0; at < size; ) {
        const { bytesRead } = await this.#handle.read(bytes, at, size - at, position + at)
        if (bytesRead === 0) throw new Error('the file has been cut off')
        at += bytesRead
      }
      return bytes
    })
  }

  close(): void {
    void this.#after(() => this.#handle.close()).catch(() => {})
  }

  #after<Result>(step: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(step)
    this.#last = result.catch(() => {})
    return result
  }
}
