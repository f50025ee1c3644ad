import { type Outlet, openOutlet, type Place } from './outlet.ts'
import { Trouble } from './trouble.ts'

/** The most bytes that wait for a slow disk or pipe; beyond that lines are dropped, and counted. */
const BACKLOG = 16 * 1024 * 1024

/** How long what waits may take to be written at the end, in ms. */
const CLOSE_WITHIN = 2000

interface Piece {
  readonly lines: Uint8Array
  readonly written: () => void
}

/**
 * A log's destination: a standard stream, or a file that can be reopened after it was rotated. Nobody waits for it: lines
 * wait in memory, up to a bound, and beyond that they are dropped, counted and reported. It writes the very memory that
 * it is given. (Pino's destination copies all of it, sonic-boom since Node 22.7, and with every 64 MB of copies this
 * thread's heap is marked: 25 ms, in which whatever shares its core stands still.)
 */
export class LogFile {
  readonly #place: Place
  readonly #name: string
  readonly #backlog: number
  readonly #report: (message: string) => void
  readonly #trouble: Trouble
  /** Undefined while the path is a pipe that nobody reads. */
  #outlet: Outlet | undefined
  /** The outlet that is writing a piece: the current one, or one that a rotation has replaced. */
  #writing: Outlet | undefined
  #lastFailed = false
  readonly #waiting: Piece[] = []
  /** What waits, and what is being written. */
  readonly #unwritten = new Set<Piece>()
  #bytes = 0
  #isPumping = false
  #emptied: (() => void) | undefined

  /**
   * @param name what reports call it
   * @param report told of lines that were dropped, and of a file that cannot be written
   * @throws the system's error where the file cannot be opened
   */
  constructor(place: Place, name: string, report: (message: string) => void, { backlog = BACKLOG } = {}) {
    this.#place = place
    this.#name = name
    this.#backlog = backlog
    this.#report = report
    this.#trouble = new Trouble(name, report, () => this.#flowsAgain())
    this.#open()
    if (this.#outlet === undefined) this.#trouble.broken(0, `waits for a reader: ${place} is a pipe that nobody reads`)
  }

  /** How many lines were dropped since the start. */
  get dropped(): number {
    return this.#trouble.lost
  }

  /** @param written called once the lines are needed no more: they are written, or dropped */
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

  /** Counts lines that found no room, here or on their way here. */
  drop(lines: number): void {
    this.#trouble.tooSlow(lines)
  }

  /** Reopens the file by its path: after a rotation, on USR1. */
  reopen(): void {
    if (typeof this.#place !== 'string') return
    try {
      this.#open()
    } catch (error) {
      this.#report(`${this.#name} cannot be reopened, and goes on where it was: ${(error as Error).message}`)
    }
  }

  /** Writes what is left to write, for as long as that may take. */
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

  /** What is being written already goes where it began. Changes nothing where the path is a pipe that nobody reads. */
  #open(): void {
    const old = this.#outlet
    const outlet = openOutlet(this.#place)
    if (outlet === undefined) return
    this.#outlet = outlet
    if (old !== undefined && old !== this.#writing) old.close()
    this.#pump()
  }

  /** In a loop and not a recursion, since an outlet may be done at once. */
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
        // What a pipe without a reader held is gone with its reader: the next one gets all of it.
        this.#trouble.broken(0, `waits for a reader: nobody reads ${this.#place} any more`)
        this.#waiting.unshift(piece)
        if (outlet === this.#outlet) this.#outlet = undefined
        outlet.close()
        this.#pump()
        return
      }
      if (error !== undefined) {
        this.#trouble.broken(countLines(piece.lines.subarray(length)), `cannot be written: ${error.message}`)
      }
      this.#bytes -= piece.lines.length
      this.#unwritten.delete(piece)
      piece.written()
      if (outlet !== this.#outlet) outlet.close()
      this.#pump()
      if (this.#bytes === 0) this.#emptied?.()
    })
  }

  /** A pipe whose reader went away may have another. */
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
