/** A span of time, and the users in it. */
export interface Span {
  /** How many s ago its middle was. */
  readonly ago: number
  /** In s. */
  readonly length: number
  /** How many users left in it. */
  readonly left: number
  /** How many were present in its middle. */
  readonly users: number
}

/** How the number of users declines. */
export interface Decline {
  /**
   * In how many s that many users decline to one; 0 for one or fewer.
   *
   * @param error 0 for the best estimate; 1 and -1 for one standard error more and less
   */
  until(users: number, error: number): number
}

/** For the exponential rate, so many of those who left last are enough: what came before may have been another crowd. */
const LAST_LEFT = 50
/** By how much the likelihood must gain, as a logarithm, for a decline with a last moment. */
const MIN_GAIN = 1
/** The forms of a decline with a last moment: with 1 the visits of all end then, with 2 their length is uniform. */
const POWERS = [1, 1.5, 2, 3, 5]
/** The last moments that are tried, as multiples of the time constant of the exponential. */
const MOMENTS = Array.from({ length: 40 }, (_, index) => Math.exp(-3 + index * 0.15))

/**
 * Fits how users leave, by maximum likelihood: exponentially, as those do whose visits have no typical length, or as a power
 * of the time to a last moment, as those do whose visits have a longest length. Undefined if nobody left.
 *
 * @param spans the newest first
 */
export function declineOf(spans: readonly Span[]): Decline | undefined {
  const recent = lastOf(spans)
  const left = sum(recent, (span) => span.left)
  const watched = sum(recent, (span) => span.users * span.length)
  if (left === 0 || watched === 0) return undefined
  const exponential = new Exponential(left / watched, left)
  const limited = limitedOf(spans, watched / left)
  const overall = sum(spans, (span) => span.left) / sum(spans, (span) => span.users * span.length)
  const gain = limited.likelihood - likelihood(spans, () => overall)
  return gain > MIN_GAIN ? limited.decline : exponential
}

class Exponential implements Decline {
  readonly #rate: number
  readonly #left: number

  /** @param rate the share of the users that leaves each s, estimated from so many who `left` */
  constructor(rate: number, left: number) {
    this.#rate = rate
    this.#left = left
  }

  until(users: number, error: number): number {
    return users <= 1 ? 0 : Math.log(users) / (this.#rate / Math.exp(error / Math.sqrt(this.#left)))
  }
}

/** The number of users is in proportion to a power of the time to a last moment. */
class Limited implements Decline {
  readonly #moment: number
  readonly #power: number
  readonly #left: number

  /** @param moment in how many s it is, estimated from so many users who `left` */
  constructor(moment: number, power: number, left: number) {
    this.#moment = moment
    this.#power = power
    this.#left = left
  }

  until(users: number, error: number): number {
    if (users <= 1) return 0
    return this.#moment * Math.exp(error / Math.sqrt(this.#left)) * (1 - users ** (-1 / this.#power))
  }
}

function limitedOf(spans: readonly Span[], scale: number): { decline: Limited; likelihood: number } {
  const left = sum(spans, (span) => span.left)
  let best = Number.NEGATIVE_INFINITY
  let decline = new Limited(0, 1, left)
  for (const power of POWERS) {
    for (const multiple of MOMENTS) {
      const moment = multiple * scale
      const found = likelihood(spans, ({ ago }) => power / (moment + ago))
      if (found <= best) continue
      best = found
      decline = new Limited(moment, power, left)
    }
  }
  return { decline, likelihood: best }
}

/** The logarithm of the likelihood of those numbers of users who left, up to a constant (a Poisson process). */
function likelihood(spans: readonly Span[], rateOf: (span: Span) => number): number {
  return sum(spans, (span) => {
    const rate = rateOf(span)
    return span.left * Math.log(rate) - rate * span.users * span.length
  })
}

/** The newest spans, back to where enough users have left. */
function lastOf(spans: readonly Span[]): readonly Span[] {
  let left = 0
  const enough = spans.findIndex((span) => {
    left += span.left
    return left >= LAST_LEFT
  })
  return enough < 0 ? spans : spans.slice(0, enough + 1)
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
