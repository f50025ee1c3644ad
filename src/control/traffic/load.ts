import { OUTCOMES, STATUS_CLASSES } from '../../runtime/tallies/layout.ts'

const CLIENT_ERRORS = STATUS_CLASSES.indexOf('4xx')
const SERVER_ERRORS = STATUS_CLASSES.indexOf('5xx')

/** How many requests there were in the last interval, a second. */
export class Load {
  requests = 0
  /** Those that were answered with 5xx. */
  errors = 0
  /** Those that were answered with 4xx. */
  refused = 0

  clear(): void {
    this.requests = 0
    this.errors = 0
    this.refused = 0
  }

  /** Adds what was counted in the cells of outcomes, which come first, within so many seconds. */
  addOutcomes(changes: Float64Array, seconds: number): void {
    for (let cell = 0; cell < OUTCOMES; cell++) {
      const count = changes[cell]!
      if (count === 0) continue
      const rate = count / seconds
      const statusClass = cell % STATUS_CLASSES.length
      this.requests += rate
      if (statusClass === SERVER_ERRORS) this.errors += rate
      else if (statusClass === CLIENT_ERRORS) this.refused += rate
    }
  }

  add({ requests, errors, refused }: Load): void {
    this.requests += requests
    this.errors += errors
    this.refused += refused
  }
}
