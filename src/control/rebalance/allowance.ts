/** How long an allowance that is not used is kept, in ms. */
const KEPT = 1000
const HOUR = 3_600_000

/** How many sessions may move at a rate: what is not used within a second is lost, but always one may. */
export class Allowance {
  #sessions = 0

  /** Whole sessions that may move now. */
  get whole(): number {
    return Math.floor(this.#sessions)
  }

  /**
   * Time passes.
   *
   * @param perHour the share of the live sessions that may move in an hour
   * @param elapsed ms
   */
  grow(live: number, perHour: number, elapsed: number): void {
    const perMs = (live * perHour) / HOUR
    this.#sessions = Math.min(Math.max(1, perMs * Math.max(KEPT, elapsed)), this.#sessions + perMs * elapsed)
  }

  /** So many sessions are allowed to move; a number below 0 takes back what was not used. */
  use(sessions: number): void {
    this.#sessions -= sessions
  }
}
