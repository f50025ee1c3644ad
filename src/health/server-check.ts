import { HealthBit } from '../runtime/health-bit.ts'
import type { Check } from '../runtime/health-settings.ts'
import { Checker } from './checker.ts'
import type { Gate } from './gate.ts'
import type { ServerHealth } from './server-health.ts'
import type { Verdict } from './verdict.ts'

/** Notified of a server's new state: in words, with the cause. */
type CheckReport = (isUp: boolean, what: string, cause: string) => void

/** The check of one server. Its verdicts set the server's health. */
export class ServerCheck {
  readonly #health: ServerHealth
  readonly #warmsUp: boolean
  readonly #report: CheckReport
  readonly #initial: Check['initial']
  readonly #checker: Checker
  #hasVerdict = false

  /**
   * @param warmsUp whether the server warms up once its first check brings it up
   * @param probe makes one check, which its signal aborts; never throws
   * @param report is called on each change
   */
  constructor(
    check: Check,
    health: ServerHealth,
    warmsUp: boolean,
    probe: (signal: AbortSignal) => Promise<Verdict>,
    gate: Gate,
    report: CheckReport,
  ) {
    this.#health = health
    this.#warmsUp = warmsUp
    this.#report = report
    this.#initial = check.initial
    this.#checker = new Checker(check, probe, gate, (isUp, cause) => this.#decided(isUp, cause))
  }

  /** Whether the server still has to pass its first check before it may serve. */
  get isUnknown(): boolean {
    return this.#initial !== 'up' && !this.#hasVerdict
  }

  /**
   * Resolves once the server is no longer unknown, or the check has stopped; undefined if the start does not wait for
   * this check.
   */
  get awaited(): Promise<void> | undefined {
    return this.#initial === 'unknown' && !this.#hasVerdict ? this.#checker.first : undefined
  }

  start(): void {
    this.#checker.start()
  }

  /** Aborts the check in progress; none follows, and nothing is written or reported any more. */
  stop(): void {
    this.#checker.stop()
  }

  #decided(isUp: boolean, cause: string): void {
    const isFirst = this.isUnknown
    this.#hasVerdict = true
    if (!isUp) {
      this.#health.set(HealthBit.Unhealthy, cause)
      return this.#report(false, `is down (${cause})`, cause)
    }
    this.#health.resume()
    this.#health.clear(HealthBit.Returning)
    if (isFirst && !this.#warmsUp) this.#health.clear(HealthBit.Unhealthy)
    else this.#health.heal(HealthBit.Unhealthy)
    this.#report(true, `is up${isFirst ? '' : ' again'} (${cause})`, cause)
  }
}
