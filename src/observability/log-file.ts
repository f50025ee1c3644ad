import type { Warn } from './log.ts'
import { type Destination, type Outlet, openOutlet } from './outlet.ts'
import { Trouble } from './trouble.ts'

/** The maximum of bytes that wait for a slow disk or pipe. Beyond it, lines are dropped and counted. */
const BACKLOG = 16 * 1024 * 1024

/** The maximum time to write the waiting lines when the log is closed, in ms. */
const CLOSE_WITHIN = 2000

interface Piece {
  readonly lines: Uint8Array
  readonly written: () => void
}

/**
 * The destination of a log: a standard stream, or a file that can be reopened after a rotation. It never blocks: lines wait in
 * memory up to a bound; beyond it, they are dropped, counted and reported. It writes the given memory without a copy.
 * (sonic-boom, Pino's destination, copies all bytes since Node 22.7. Every 64 MB of copies, V8 marks this thread's heap, which
 * takes 25 ms and stops everything else on its core.)
 */
export class LogFile {
  #destination: Destination
  readonly #name: string
  readonly #backlog: number
  readonly #warn: Warn
  readonly #trouble: Trouble
  /** Undefined while the path is a pipe without a reader. */
  #outlet: Outlet | undefined
  /** The outlet that is writing a piece: the current one, or one that a rotation has replaced. */
  #writing: Outlet | undefined
  #lastFailed = false
  readonly #waiting: Piece[] = []
  /** The pieces that wait or are being written. */
  readonly #unwritten = new Set<Piece>()
  #bytes = 0
  #isPumping = false
  #emptied: (() => void) | undefined

  /**
   * @param name the name of the log in reports
   * @param warn called with a message about dropped lines or a file that cannot be written
   * @throws the system's error if the file cannot be opened
   */
  constructor(destination: Destination, name: string, warn: Warn, { backlog = BACKLOG } = {}) {
    this.#destination = destination
    this.#name = name
    this.#backlog = backlog
    this.#warn = warn
    this.#trouble = new Trouble(name, warn, () => this.#flowsAgain())
    this.#openFirst()
  }

  #openFirst(): void {
    this.#open()
    if (this.#outlet === undefined)
      this.#trouble.broken(0, 'waits for a reader', `${this.#destination} is a pipe without a reader`)
  }

  /** How many lines were dropped since the start. */
  get dropped(): number {
    return this.#trouble.lost
  }

  /** @param written called when the lines are no longer needed, because they are written or dropped */
  append(lines: Uint8Array, written: () => void = ignore): void {
    if (this.#bytes + lines.length > this.#backlog) {
      this.drop(countLines(lines))
      written()
      return
    }
    const piece = { lines, written }
    this.#bytes += lines.length
    this.#unwritten.add(piece)
    this.#waiting.push(piece)
    this.#pump()
  }

  /** Counts lines that were dropped for lack of room, here or before they got here. */
  drop(lines: number): void {
    this.#trouble.tooSlow(lines)
  }

  /** Reopens the file by its path: after a rotation, on USR1. */
  reopen(): void {
    if (typeof this.#destination !== 'string') return
    try {
      this.#open()
    } catch (error) {
      const { message: cause } = error as Error
      this.#warn(`${this.#name} cannot be reopened, and continues in the old file: ${cause}`, {
        event: 'output-not-reopened',
        output: this.#name,
        cause,
      })
    }
  }

  /**
   * Writes to another place from the next piece on.
   *
   * @throws the system's error if it cannot be opened, and goes on in the old place
   */
  move(destination: Destination): void {
    const [place, outlet] = [this.#destination, this.#outlet]
    this.#destination = destination
    this.#outlet = undefined
    try {
      this.#openFirst()
    } catch (error) {
      this.#destination = place
      this.#outlet = outlet
      throw error
    }
    if (outlet !== this.#writing) outlet?.close()
  }

  /** Writes the waiting lines, for at most `CLOSE_WITHIN`, and closes the destination. */
  async close(): Promise<void> {
    if (this.#bytes > 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, CLOSE_WITHIN)
      this.#emptied = resolve
      await promise
      clearTimeout(timer)
    }
    this.#trouble.end([...this.#unwritten].reduce((sum, { lines }) => sum + countLines(lines), 0))
    this.#outlet?.close()
    this.#outlet = undefined
  }

  /** A piece that is being written stays with its old outlet. Changes nothing if the path is a pipe without a reader. */
  #open(): void {
    const old = this.#outlet
    const outlet = openOutlet(this.#destination)
    if (outlet === undefined) return
    this.#outlet = outlet
    if (old !== undefined && old !== this.#writing) old.close()
    this.#pump()
  }

  /** A loop instead of a recursion, because an outlet may call back synchronously. */
  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    while (this.#outlet !== undefined && this.#outlet !== this.#writing && this.#waiting.length > 0) {
      this.#write(this.#outlet, this.#waiting.shift()!)
    }
    this.#isPumping = false
  }

  #write(outlet: Outlet, piece: Piece): void {
    this.#writing = outlet
    outlet.write(piece.lines, (error, length) => {
      if (this.#writing === outlet) this.#writing = undefined
      this.#lastFailed = error !== undefined
      if (outlet.isGone) {
        // The bytes in the pipe are lost with its reader, so the next reader gets the whole piece.
        this.#trouble.broken(0, 'waits for a reader', `the reader of ${this.#destination} has closed it`)
        this.#waiting.unshift(piece)
        if (outlet === this.#outlet) this.#outlet = undefined
        outlet.close()
        this.#pump()
        return
      }
      if (error !== undefined) {
        this.#trouble.broken(countLines(piece.lines.subarray(length)), 'cannot be written', error.message)
      }
      this.#bytes -= piece.lines.length
      this.#unwritten.delete(piece)
      piece.written()
      if (outlet !== this.#outlet) outlet.close()
      this.#pump()
      if (this.#bytes === 0) this.#emptied?.()
    })
  }

  /** Whether lines are written again. Tries to open a pipe again, which may have a new reader. */
  #flowsAgain(): boolean {
    if (this.#outlet === undefined) {
      try {
        this.#open()
      } catch {
        // The trouble is reported already.
      }
    }
    return this.#outlet !== undefined && !this.#lastFailed && this.#bytes < this.#backlog / 2
  }
}

function countLines(bytes: Uint8Array): number {
  let count = 0
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) count++
  return count
}

function ignore(): void {}
