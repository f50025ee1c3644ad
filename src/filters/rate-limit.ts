import { Failure } from '../exchange/failure.ts'
import type { Filter, Verdict } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import type { FilteredResponse } from '../exchange/filtered-response.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import { now } from '../runtime/clock.ts'
import type { RateLimitSettings } from '../runtime/filter-settings.ts'
import { type Pace, paceOf } from '../runtime/keyed-limits/rate-table.ts'
import type { KeyedLimits } from '../runtime/keyed-limits.ts'
import { LimitSubject, NOT_LIMITED } from './limit-subject.ts'

/**
 * Refuses requests that come too fast, exactly over all workers. Responses may say how many more may come
 * (draft-ietf-httpapi-ratelimit-headers-11).
 */
export class RateLimit implements Filter {
  readonly name = 'rateLimit'
  readonly #settings: RateLimitSettings
  readonly #subject: LimitSubject
  readonly #limits: KeyedLimits
  readonly #pace: Pace
  /** The field RateLimit-Policy. */
  readonly #policy: string
  /** The fields RateLimit of responses to come. */
  readonly #awaited = new Map<FilteredRequest, string>()

  constructor(settings: RateLimitSettings, { keyedLimits }: WorkerContext) {
    const { requests, period, burst, policy } = settings
    this.#settings = settings
    this.#subject = new LimitSubject(settings, keyedLimits)
    this.#limits = keyedLimits
    this.#pace = paceOf(requests, period, burst)
    this.#policy = `"${policy}";q=${requests};w=${period / 1000}`
  }

  request(request: FilteredRequest): Verdict {
    const { headers, dryRun, status } = this.#settings
    const { rates } = this.#limits
    if (!this.#subject.of(request)) return undefined
    const isAdmitted = rates.take(this.#subject.high, this.#subject.low, this.#pace, now())
    if (headers === 'all') this.#awaited.set(request, this.#state(isAdmitted ? rates.reset : rates.wait))
    if (isAdmitted) return undefined
    const wait = Math.ceil(rates.wait / 1000)
    if (dryRun) {
      this.#limits.countDryRun()
      request.note(this.name, `would refuse it: too fast, by ${wait} s`)
      return undefined
    }
    request.note(this.name, `refused: too fast, by ${wait} s`)
    const lines =
      headers === 'refused' ? [`RateLimit-Policy: ${this.#policy}`, `RateLimit: ${this.#state(rates.wait)}`] : []
    return new Failure('rate-limited', '', { status, retryAfter: wait, lines })
  }

  rehearse(request: FilteredRequest): Verdict {
    if (!this.#subject.of(request)) {
      request.note(this.name, NOT_LIMITED)
      return undefined
    }
    const verdict = this.request(request)
    const { remaining, wait } = this.#limits.rates
    if (wait === 0) request.note(this.name, `${remaining + 1} of ${this.#settings.burst + 1} left`)
    return verdict
  }

  response({ request, edits }: FilteredResponse): undefined {
    const state = this.#awaited.get(request)
    if (state === undefined) return
    edits.add('RateLimit-Policy', this.#policy)
    edits.add('RateLimit', state)
  }

  ended(request: FilteredRequest): void {
    this.#awaited.delete(request)
  }

  /** @param reset in ms */
  #state(reset: number): string {
    return `"${this.#settings.policy}";r=${this.#limits.rates.remaining};t=${Math.ceil(reset / 1000)}`
  }
}
