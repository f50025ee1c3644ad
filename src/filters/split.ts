import type { Filter } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import type { FilteredResponse } from '../exchange/filtered-response.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import type { Cohort } from '../runtime/cohort.ts'
import type { SplitSettings } from '../runtime/filter-settings.ts'
import { valueIn } from '../runtime/named-part.ts'
import { EvenPoints } from './even-points.ts'
import { SplitCookie } from './split/split-cookie.ts'
import { SplitHash } from './split/split-hash.ts'
import { splitKeyOf } from './split/split-key.ts'

/** Sends a share of the users, or of the requests, to other upstreams than the route's own. */
export class Split implements Filter {
  readonly name = 'split'
  readonly #settings: SplitSettings
  readonly #context: WorkerContext
  readonly #points = new EvenPoints()
  readonly #cookie: SplitCookie
  readonly #hash: SplitHash
  /** The points of new users whose responses are yet to come. */
  readonly #begun = new Map<FilteredRequest, number>()

  constructor(settings: SplitSettings, context: WorkerContext) {
    const { cookie, hashKey } = settings
    this.#settings = settings
    this.#context = context
    this.#cookie = new SplitCookie(cookie)
    this.#hash = new SplitHash(hashKey)
  }

  request(request: FilteredRequest): undefined {
    if (this.#isOverridden(request)) return
    if (this.#settings.onlyNew && this.#context.hasSession(request))
      return this.#stay(request, 'it has a session there')
    const point = this.#pointOf(request)
    if (point === undefined) return this.#stay(request, 'it has no such key')
    const cohort = this.#settings.cohorts.find(({ from, to }) => from <= point && point < to)
    const where = `at ${point / 100}%`
    if (cohort === undefined) this.#stay(request, where)
    else this.#send(request, cohort, where)
  }

  response(response: FilteredResponse): undefined {
    const point = this.#begun.get(response.request)
    if (point !== undefined) this.#cookie.issue(point, response)
  }

  ended(request: FilteredRequest): void {
    this.#begun.delete(request)
  }

  /** Whether a request names one of the upstreams. */
  #isOverridden(request: FilteredRequest): boolean {
    const { override, own, cohorts } = this.#settings
    for (const part of override) {
      const name = valueIn(request, part)
      if (name === undefined) continue
      const cohort = cohorts.find((each) => each.name === name)
      if (cohort === undefined && name !== own) continue
      const why = `named by ${part.from} ${part.name}`
      if (cohort === undefined) this.#stay(request, why)
      else this.#send(request, cohort, why)
      return true
    }
    return false
  }

  /** Undefined if the request does not have the key that is hashed. */
  #pointOf(request: FilteredRequest): number | undefined {
    const { by } = this.#settings
    if (by === 'request') return this.#points.next()
    if (by === 'cookie') return this.#cookie.read(request) ?? this.#begin(request)
    const key = splitKeyOf(by, request)
    return key && this.#hash.pointOf(key)
  }

  /** Gives a new user a point. */
  #begin(request: FilteredRequest): number {
    const point = this.#points.next()
    this.#begun.set(request, point)
    return point
  }

  #send(request: FilteredRequest, { upstream, name }: Cohort, why: string): undefined {
    request.upstream = upstream
    request.note(this.name, `upstream ${name}: ${why}`)
  }

  #stay(request: FilteredRequest, why: string): undefined {
    request.note(this.name, `upstream ${this.#settings.own}: ${why}`)
  }
}
