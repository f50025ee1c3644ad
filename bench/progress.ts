/** Prints the current step and the remaining time to standard error: on one line of a terminal, or line by line. */
export class Progress {
  readonly #steps: number
  #done = 0
  /** Expected and actual seconds of the steps so far. Their ratio scales the estimate for the rest. */
  #expected = 0
  #spent = 0
  #startedAt = 0
  /** The expected seconds of the remaining steps. */
  #left: number

  /** @param durations how long each step is expected to take, in s */
  constructor(durations: readonly number[]) {
    this.#steps = durations.length
    this.#left = durations.reduce((total, duration) => total + duration, 0)
  }

  /** The estimated remaining seconds. */
  get left(): number {
    const pace = this.#expected === 0 ? 1 : this.#spent / this.#expected
    return this.#left * pace
  }

  start(what: string): void {
    this.#startedAt = performance.now()
    const count = `${String(this.#done + 1).padStart(String(this.#steps).length)}/${this.#steps}`
    this.#write(`${count}  ${what}  (${formatSeconds(this.left)} left)`)
  }

  /** @param expected the duration of the step as given to the constructor */
  finish(expected: number): void {
    this.#done++
    this.#left -= expected
    this.#expected += expected
    this.#spent += (performance.now() - this.#startedAt) / 1000
  }

  /** Leaves out a step. */
  skip(expected: number): void {
    this.#done++
    this.#left -= expected
  }

  /** Prints a line that stays on the terminal. */
  say(line: string): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
    process.stderr.write(`${line}\n`)
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  }

  #write(line: string): void {
    if (!process.stderr.isTTY) return void process.stderr.write(`${line}\n`)
    process.stderr.write(`\r\x1b[K${line.slice(0, process.stderr.columns - 1)}`)
  }
}

export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}
