import { type DestinationStream, pino } from 'pino'

/** The most bytes that wait for a slow disk or pipe; beyond that lines are dropped, and counted. */
const BACKLOG = 16 * 1024 * 1024

/** Lines on their way to the file. */
interface Waiting {
  readonly length: number
  readonly written: () => void
}

type Destination = ReturnType<typeof pino.destination> & DestinationStream

/** Where the access log goes: standard output, or a file that can be opened anew after it was rotated. */
export class LogFile {
  readonly #destination: Destination
  #dropped = 0
  readonly #waiting: Waiting[] = []
  /** How much of the first of them is written. */
  #bytesWritten = 0

  /**
   * @param path undefined for standard output
   * @param onTrouble told of lines that were dropped and of a file that cannot be written
   * @throws the system's error where the file cannot be opened
   */
  constructor(path: string | undefined, onTrouble: (message: string) => void) {
    this.#destination = pino.destination({
      dest: path ?? 1,
      append: true,
      sync: false,
      maxLength: BACKLOG,
      contentMode: 'buffer',
      ...(path === undefined ? {} : { mkdir: false }),
    })
    this.#destination.on('write', (bytes: number) => this.#wrote(bytes))
    this.#destination.on('drop', () => {
      if (this.#dropped++ === 0) onTrouble('the access log is too slow: lines are being dropped')
    })
    this.#destination.on('drain', () => {
      if (this.#dropped > 0) onTrouble(`the access log has caught up; ${this.#dropped} batches of lines were dropped`)
      this.#dropped = 0
    })
    this.#destination.on('error', (error) => onTrouble(`the access log cannot be written: ${error.message}`))
  }

  /** @param written called once the lines are needed no more: they are written, or dropped */
  append(lines: Uint8Array, written: () => void): void {
    const dropped = this.#dropped
    this.#waiting.push({ length: lines.length, written })
    // Its types know of text only, which is the other of its two content modes.
    this.#destination.write(lines as unknown as string)
    if (this.#dropped > dropped) this.#waiting.pop()!.written()
  }

  #wrote(bytes: number): void {
    this.#bytesWritten += bytes
    while (this.#waiting.length > 0 && this.#bytesWritten >= this.#waiting[0]!.length) {
      const { length, written } = this.#waiting.shift()!
      this.#bytesWritten -= length
      written()
    }
  }

  /** Opens the file anew, under its name: after a rotation, on USR1. */
  reopen(): void {
    this.#destination.reopen()
  }

  /** Writes what is left to write. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#destination.on('close', resolve)
      this.#destination.end()
    })
  }
}
