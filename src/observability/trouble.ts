import { counted } from '../runtime/counted.ts'
import type { Warn } from './log.ts'

/** The interval of the checks for recovery, in ms. A log has recovered if there was no trouble since the last check. */
const CHECK_EVERY = 1000

/** What is lost in trouble, and how its end is put in words. */
export interface Loss {
  readonly unit: string
  readonly again: string
}

const LINES: Loss = { unit: 'line', again: 'can be written again' }

/** Trouble with writing a log, or an export. Reported once when it starts, and once when it is over, with the number of what was lost. */
export class Trouble {
  readonly #output: string
  readonly #warn: Warn
  readonly #isOver: () => boolean
  readonly #loss: Loss
  #kind: 'slow' | 'broken' | undefined
  #watch: NodeJS.Timeout | undefined
  #isQuiet = true
  /** Lines lost since the trouble started, and before. */
  #lost = 0
  #lostBefore = 0

  /**
   * @param output the name of the log or export in reports
   * @param isOver called regularly during trouble: whether lines are written again
   * @param loss lines, if not given
   */
  constructor(output: string, warn: Warn, isOver: () => boolean, loss = LINES) {
    this.#output = output
    this.#warn = warn
    this.#isOver = isOver
    this.#loss = loss
  }

  /** The number of lines lost since the start. */
  get lost(): number {
    return this.#lostBefore + this.#lost
  }

  /** Lines were dropped because there was no room. */
  tooSlow(lines: number): void {
    if (!this.#begins('slow', lines)) return
    const message = `${this.#output} is too slow: ${this.#loss.unit}s are being dropped`
    this.#warn(message, { event: 'output-slow', output: this.#output })
  }

  /** Lines cannot be written. `what` says so, and is followed by the cause. */
  broken(lines: number, what: string, cause: string): void {
    if (!this.#begins('broken', lines)) return
    this.#warn(`${this.#output} ${what}: ${cause}`, { event: 'output-broken', output: this.#output, cause })
  }

  /** The log is closed. `lines` more lines are lost. */
  end(lines: number): void {
    clearInterval(this.#watch)
    this.#lost += lines
    if (this.#lost === 0) return
    const message = `${this.#output} has lost ${counted(this.#lost, this.#loss.unit)}`
    this.#warn(message, { event: 'output-ended', output: this.#output, count: this.#lost })
  }

  /** Whether this is to be reported, and not just more of the same. */
  #begins(kind: 'slow' | 'broken', lines: number): boolean {
    this.#lost += lines
    this.#isQuiet = false
    if (this.#kind === kind || this.#kind === 'broken') return false
    this.#kind = kind
    this.#watch ??= setInterval(() => this.#check(), CHECK_EVERY).unref()
    return true
  }

  #check(): void {
    const isOver = this.#isOver() && this.#isQuiet
    this.#isQuiet = true
    if (!isOver) return
    const words = this.#kind === 'slow' ? 'has caught up' : this.#loss.again
    const lost = this.#lost
    clearInterval(this.#watch)
    this.#watch = this.#kind = undefined
    this.#lostBefore += lost
    this.#lost = 0
    const cost = lost === 0 ? '' : `; ${counted(lost, this.#loss.unit)} ${lost === 1 ? 'was' : 'were'} dropped`
    this.#warn(`${this.#output} ${words}${cost}`, { event: 'output-restored', output: this.#output, count: lost })
  }
}
