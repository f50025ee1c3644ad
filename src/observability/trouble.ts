/** How often it is looked whether all is well again, in ms; it must have been since the last look. */
const LOOK_AGAIN = 1000

/** What keeps a log from being written: reported once when it begins, and once when it is over, with the lines that it cost. */
export class Trouble {
  readonly #log: string
  readonly #report: (message: string) => void
  readonly #isOver: () => boolean
  #kind: 'slow' | 'broken' | undefined
  #watch: NodeJS.Timeout | undefined
  #isQuiet = true
  /** Since it began, and before. */
  #lost = 0
  #lostBefore = 0

  /**
   * @param log what reports call the log
   * @param isOver asked from time to time whether lines flow again
   */
  constructor(log: string, report: (message: string) => void, isOver: () => boolean) {
    this.#log = log
    this.#report = report
    this.#isOver = isOver
  }

  /** How many lines were lost since the start. */
  get lost(): number {
    return this.#lostBefore + this.#lost
  }

  /** Lines found no room. */
  tooSlow(lines: number): void {
    this.#meet('slow', lines, 'is too slow: lines are being dropped')
  }

  /** Lines cannot be written. */
  broken(lines: number, cause: string): void {
    this.#meet('broken', lines, cause)
  }

  /** The log is closed, and has lost these lines too. */
  end(lines: number): void {
    clearInterval(this.#watch)
    this.#lost += lines
    if (this.#lost > 0) this.#report(`${this.#log} has lost ${counted(this.#lost)}`)
  }

  #meet(kind: 'slow' | 'broken', lines: number, words: string): void {
    this.#lost += lines
    this.#isQuiet = false
    if (this.#kind === kind || this.#kind === 'broken') return
    this.#kind = kind
    this.#watch ??= setInterval(() => this.#look(), LOOK_AGAIN).unref()
    this.#report(`${this.#log} ${words}`)
  }

  #look(): void {
    const isOver = this.#isOver() && this.#isQuiet
    this.#isQuiet = true
    if (!isOver) return
    const words = this.#kind === 'slow' ? 'has caught up' : 'is written again'
    const lost = this.#lost
    clearInterval(this.#watch)
    this.#watch = this.#kind = undefined
    this.#lostBefore += lost
    this.#lost = 0
    const cost = lost === 0 ? '' : `; ${counted(lost)} ${lost === 1 ? 'was' : 'were'} dropped`
    this.#report(`${this.#log} ${words}${cost}`)
  }
}

function counted(lines: number): string {
  return lines === 1 ? '1 line' : `${lines} lines`
}
