import { LONGEST_DURATION } from '../runtime/bounds.ts'
import { now, STANDSTILL } from '../runtime/clock.ts'
import type { CheckTiming } from '../runtime/health-settings.ts'
import { CheckState } from './check-state.ts'
import type { Gate } from './gate.ts'
import type { Verdict } from './verdict.ts'

/** The time over which first checks are spread, in ms, if servers serve before them. */
const FIRST_WITHIN = 1000

/** Checks one server at intervals, and reports when it goes down or comes up. */
export class Checker {
  /** Resolves once the first check is over, or the checker has stopped. */
  readonly first: Promise<void>
  readonly #timing: CheckTiming
  readonly #probe: (signal: AbortSignal) => Promise<Verdict>
  readonly #gate: Gate
  readonly #decided: (isUp: boolean, cause: string) => void
  readonly #state: CheckState
  #isStarted = false
  #isStopped = false
  /** The timer for the next check. */
  #due: NodeJS.Timeout | undefined
  /** Aborts the check in progress. */
  #attempt: AbortController | undefined
  #firstIsOver!: () => void
  /** The last verdict, and how many equal ones there were in a row. */
  #last: Verdict | undefined
  #inRow = 0

  /**
   * @param probe makes one check, which its signal aborts; never throws
   * @param gate makes checks wait while too many others run
   * @param decided is called on each change, and after a failed first check of a server that was never up
   */
  constructor(
    timing: CheckTiming,
    probe: (signal: AbortSignal) => Promise<Verdict>,
    gate: Gate,
    decided: (isUp: boolean, cause: string) => void,
  ) {
    this.#timing = timing
    this.#probe = probe
    this.#gate = gate
    this.#decided = decided
    this.#state = new CheckState(timing)
    this.first = new Promise((resolve) => {
      this.#firstIsOver = resolve
    })
  }

  /** Does nothing if it has started already. */
  start(): void {
    if (this.#isStarted) return
    this.#isStarted = true
    void this.#watch()
  }

  /** Aborts the check in progress; none follows, and nothing is reported any more. */
  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#due)
    this.#attempt?.abort()
    this.#firstIsOver()
  }

  async #watch(): Promise<void> {
    const { interval, jitter, initial } = this.#timing
    if (initial === 'up') await this.#sleep(Math.random() * Math.min(interval, FIRST_WITHIN))
    // The second check comes after a random part of the interval, so that the checks of many servers spread over the
    // whole of it.
    let pause = Math.random() * interval
    while (!this.#isStopped) {
      await Promise.all([this.#sleep(pause), this.#check()])
      pause = interval * (1 + ((2 * Math.random() - 1) * jitter) / 100)
    }
  }

  /** Never resolves once the checker has stopped. */
  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      // With jitter, the longest interval may exceed what a timer accepts, and a timer would then not wait at all.
      this.#due = setTimeout(resolve, Math.min(ms, LONGEST_DURATION))
    })
  }

  async #check(): Promise<void> {
    await this.#gate.enter()
    if (this.#isStopped) return this.#gate.leave()
    const attempt = new AbortController()
    this.#attempt = attempt
    const { timeout } = this.#timing
    const end = now() + timeout
    const timer = setTimeout(() => attempt.abort(), timeout)
    try {
      const verdict = await this.#probe(attempt.signal)
      // A failure long after the timeout only shows that this process was paused.
      const isConclusive = verdict.passed || (verdict.shortage === undefined && now() < end + STANDSTILL)
      if (isConclusive) this.#judge(verdict)
    } finally {
      clearTimeout(timer)
      this.#gate.leave()
    }
  }

  #judge(verdict: Verdict): void {
    if (this.#isStopped) return
    const isFirst = this.#last === undefined
    this.#inRow = this.#last?.passed === verdict.passed ? this.#inRow + 1 : 1
    this.#last = verdict
    const { isUp: wasUp } = this.#state
    const changed = verdict.passed ? this.#state.passed() : this.#state.failed()
    if (changed || (isFirst && !wasUp)) this.#decided(this.#state.isUp, this.#cause(verdict))
    if (isFirst) this.#firstIsOver()
  }

  #cause({ cause }: Verdict): string {
    return this.#inRow === 1 ? cause : `${cause}, ${this.#inRow} times in a row`
  }
}
