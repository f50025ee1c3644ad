import { counted } from '../runtime/counted.ts'

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
  readonly #log: string
  readonly #report: (message: string) => void
  readonly #isOver: () => boolean
  readonly #loss: Loss
  #kind: 'slow' | 'broken' | undefined
  #watch: NodeJS.Timeout | undefined
  #isQuiet = true
  /** Lines lost since the trouble started, and before. */
  #lost = 0
  #lostBefore = 0

  /**
   * @param log the name of the log in reports
   * @param isOver called regularly during trouble: whether lines are written again
   * @param loss lines, if not given
   */
  constructor(log: string, report: (message: string) => void, isOver: () => boolean, loss = LINES) {
    this.#log = log
    this.#report = report
    this.#isOver = isOver
    this.#loss = loss
  }

  /** The number of lines lost since the start. */
  get lost(): number {
    return this.#lostBefore + this.#lost
  }

  /** Lines were dropped because there was no room. */
  tooSlow(lines: number): void {
    this.#note('slow', lines, `is too slow: ${this.#loss.unit}s are being dropped`)
  }

  /** Lines cannot be written. */
  broken(lines: number, cause: string): void {
    this.#note('broken', lines, cause)
  }

  /** The log is closed. `lines` more lines are lost. */
  end(lines: number): void {
    clearInterval(this.#watch)
    this.#lost += lines
    if (this.#lost > 0) this.#report(`${this.#log} has lost ${counted(this.#lost, this.#loss.unit)}`)
  }

  #note(kind: 'slow' | 'broken', lines: number, words: string): void {
    this.#lost += lines
    this.#isQuiet = false
    if (this.#kind === kind || this.#kind === 'broken') return
    this.#kind = kind
    this.#watch ??= setInterval(() => this.#check(), CHECK_EVERY).unref()
    this.#report(`${this.#log} ${words}`)
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
    this.#report(`${this.#log} ${words}${cost}`)
  }
}
