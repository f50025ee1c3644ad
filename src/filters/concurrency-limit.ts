import { Failure } from '../exchange/failure.ts'
import type { Filter, Verdict } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import type { ConcurrencyLimitSettings } from '../runtime/filter-settings.ts'
import type { KeyedLimits } from '../runtime/keyed-limits.ts'
import { LimitSubject, NOT_LIMITED } from './limit-subject.ts'

/** When a client may ask again, in s: nobody knows when one of its requests ends. */
const RETRY_AFTER = 1

/** Refuses requests beyond so many in flight of a key, exactly over all workers. */
export class ConcurrencyLimit implements Filter {
  readonly name = 'concurrencyLimit'
  readonly #settings: ConcurrencyLimitSettings
  readonly #subject: LimitSubject
  readonly #limits: KeyedLimits
  /** Where each request in flight is counted. */
  readonly #entries = new Map<FilteredRequest, number>()

  constructor(settings: ConcurrencyLimitSettings, { keyedLimits }: WorkerContext) {
    this.#settings = settings
    this.#subject = new LimitSubject(settings, keyedLimits)
    this.#limits = keyedLimits
  }

  request(request: FilteredRequest): Verdict {
    const { limit, status, dryRun } = this.#settings
    if (!this.#subject.of(request)) return undefined
    const entry = this.#limits.concurrency.enter(this.#subject.high, this.#subject.low, limit)
    if (typeof entry === 'number') {
      this.#entries.set(request, entry)
      return undefined
    }
    if (entry === 'uncounted') return undefined
    if (dryRun) {
      this.#limits.countDryRun()
      request.note(this.name, `would refuse it: ${limit} are in flight`)
      return undefined
    }
    request.note(this.name, `refused: ${limit} are in flight`)
    return new Failure('too-many-in-flight', '', { status, retryAfter: RETRY_AFTER })
  }

  rehearse(request: FilteredRequest): Verdict {
    if (!this.#subject.of(request)) {
      request.note(this.name, NOT_LIMITED)
      return undefined
    }
    const { limit } = this.#settings
    const inFlight = this.#limits.concurrency.inFlightOf(this.#subject.high, this.#subject.low)
    if (inFlight < limit) request.note(this.name, `${inFlight} of ${limit} in flight`)
    return this.request(request)
  }

  ended(request: FilteredRequest): void {
    const entry = this.#entries.get(request)
    if (entry === undefined) return
    this.#entries.delete(request)
    this.#limits.concurrency.leave(entry)
  }
}
