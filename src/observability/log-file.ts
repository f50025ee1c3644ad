import { close, createWriteStream, open, openSync, type WriteStream, write } from 'node:fs'
import { finished } from 'node:stream/promises'

/** The most bytes that wait for a slow disk or pipe; beyond that lines are dropped, and counted. */
const BACKLOG = 16 * 1024 * 1024

/** When a pipe that is full, and says so instead of having its writer wait, is tried again, in ms. */
const TRY_AGAIN = 50

const STANDARD_OUTPUT = 1

/**
 * Where the access log goes: standard output, or a file that can be opened anew after it was rotated. A Node stream keeps the
 * order, the rest of a write that was cut short, and the backlog; it writes the very memory that it is given. Pino's
 * destination copies all of it (sonic-boom, since Node 22.7), and with every 64 MB of copies this thread's heap is marked:
 * 25 ms, in which whoever shares its core stands still.
 */
export class LogFile {
  readonly #path: string | undefined
  readonly #tell: (trouble: string) => void
  #stream: WriteStream
  /** Those that a rotation has replaced are at their end. */
  #earlier: Promise<unknown> = Promise.resolve()
  #dropped = 0
  #isBroken = false

  /**
   * @param path undefined for standard output
   * @param onTrouble told of lines that were dropped and of a file that cannot be written
   * @throws the system's error where the file cannot be opened
   */
  constructor(path: string | undefined, onTrouble: (message: string) => void) {
    this.#path = path
    this.#tell = onTrouble
    this.#stream = this.#open()
  }

  /** @param written called once the lines are needed no more: they are written, or dropped */
  append(lines: Uint8Array, written: () => void): void {
    if (this.#stream.writableLength + lines.length <= BACKLOG) {
      this.#stream.write(lines, written)
      return
    }
    if (this.#dropped++ === 0) this.#tell('the access log is too slow: lines are being dropped')
    written()
  }

  /** Opens the file anew, under its name: after a rotation, on USR1. */
  reopen(): void {
    if (this.#path === undefined) return
    const old = this.#stream
    try {
      this.#stream = this.#open()
    } catch (error) {
      this.#tell(`the access log cannot be opened anew, and goes on where it was: ${(error as Error).message}`)
      return
    }
    old.end()
    this.#earlier = Promise.all([this.#earlier, finished(old)])
  }

  /** Writes what is left to write. */
  async close(): Promise<void> {
    await this.#earlier
    await new Promise<void>((resolve) => this.#stream.end(resolve))
  }

  #open(): WriteStream {
    const isFile = this.#path !== undefined
    const fd = isFile ? openSync(this.#path, 'a') : STANDARD_OUTPUT
    const fs = { open, close, write: this.#write as typeof write }
    const stream = createWriteStream('', { fd, autoClose: isFile, fs })
    stream.on('drain', () => {
      if (this.#dropped > 0) this.#tell(`the access log has caught up; ${this.#dropped} batches of lines were dropped`)
      this.#dropped = 0
    })
    return stream
  }

  /** Writes as node:fs does, and never fails: what cannot be written is lost, and the next lines are tried again. */
  readonly #write = (
    fd: number,
    bytes: Uint8Array,
    from: number,
    length: number,
    position: number | undefined,
    done: (error: null, written: number, bytes: Uint8Array) => void,
  ): void => {
    write(fd, bytes, from, length, position, (error, written) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(this.#write, TRY_AGAIN, fd, bytes, from, length, position, done)
        return
      }
      if (error !== null && !this.#isBroken) this.#tell(`the access log cannot be written: ${error.message}`)
      if (error === null && this.#isBroken) this.#tell('the access log is written again')
      this.#isBroken = error !== null
      done(null, error === null ? written : length, bytes)
    })
  }
}
