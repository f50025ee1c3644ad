import type { Filter } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import type { FilteredResponse } from '../exchange/filtered-response.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import { type Cohort, POINTS } from '../runtime/cohort.ts'
import type { SplitKey, SplitSettings } from '../runtime/filter-settings.ts'
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
  /** Why users are where they are, where that is not drawn. */
  readonly #why: string
  /** The points of new users whose responses are yet to come. */
  readonly #begun = new Map<FilteredRequest, number>()

  constructor(settings: SplitSettings, context: WorkerContext) {
    const { cookie, hashKey, by } = settings
    this.#settings = settings
    this.#why = `by ${typeof by === 'string' ? 'its cookie' : partInWords(by)}`
    this.#context = context
    this.#cookie = new SplitCookie(cookie)
    this.#hash = new SplitHash(hashKey)
  }

  request(request: FilteredRequest): undefined {
    if (this.#isSettled(request)) return
    const point = this.#pointOf(request)
    if (point === 'none') this.#stay(request, 'it has no such key')
    else if (point !== undefined) this.#place(request, point, this.#why)
    else this.#place(request, this.#draw(request), 'at random')
  }

  rehearse(request: FilteredRequest): 'open' | undefined {
    if (this.#isSettled(request)) return undefined
    if (this.#pointOf(request) !== undefined) return this.request(request)
    const { cohorts, own, by } = this.#settings
    const shares = cohorts.map(({ name, upstream, from, to }) => ({ name, upstream, share: to - from }))
    const rest = POINTS - shares.reduce((sum, { share }) => sum + share, 0)
    const all = [{ name: own, upstream: request.upstream, share: rest }, ...shares].filter(({ share }) => share > 0)
    const words = all.map(({ name, share }) => `${share / 100}% to upstream ${name}`).join(', ')
    request.note(this.name, `${by === 'cookie' ? 'a new user, ' : ''}at random: ${words}`)
    request.upstream = all.reduce((most, each) => (each.share > most.share ? each : most)).upstream
    return 'open'
  }

  response(response: FilteredResponse): undefined {
    const point = this.#begun.get(response.request)
    if (point !== undefined) this.#cookie.issue(point, response)
  }

  ended(request: FilteredRequest): void {
    this.#begun.delete(request)
  }

  /** Whether a request goes to an upstream wherever its user's point is. */
  #isSettled(request: FilteredRequest): boolean {
    if (this.#isOverridden(request)) return true
    if (!this.#settings.onlyNew || !this.#context.hasSession(request)) return false
    this.#stay(request, 'it has a session there')
    return true
  }

  /** Whether a request names one of the upstreams. */
  #isOverridden(request: FilteredRequest): boolean {
    const { override, own, cohorts } = this.#settings
    for (const part of override) {
      const name = valueIn(request, part)
      if (name === undefined) continue
      const cohort = cohorts.find((each) => each.name === name)
      if (cohort === undefined && name !== own) continue
      const why = `named by ${partInWords(part)}`
      if (cohort === undefined) this.#stay(request, why)
      else this.#send(request, cohort, why)
      return true
    }
    return false
  }

  /** Undefined if it is to be drawn, `none` if the request does not have the key that is hashed. */
  #pointOf(request: FilteredRequest): number | 'none' | undefined {
    const { by } = this.#settings
    if (by === 'request') return undefined
    if (by === 'cookie') return this.#cookie.read(request)
    const key = splitKeyOf(by, request)
    return key === undefined ? 'none' : this.#hash.pointOf(key)
  }

  /** Draws a point; a new user keeps it. */
  #draw(request: FilteredRequest): number {
    const point = this.#points.next()
    if (this.#settings.by === 'cookie') this.#begun.set(request, point)
    return point
  }

  #place(request: FilteredRequest, point: number, why: string): undefined {
    const cohort = this.#settings.cohorts.find(({ from, to }) => from <= point && point < to)
    const where = `at ${point / 100}%, ${why}`
    if (cohort === undefined) this.#stay(request, where)
    else this.#send(request, cohort, where)
  }

  #send(request: FilteredRequest, { upstream, name }: Cohort, why: string): undefined {
    request.upstream = upstream
    request.note(this.name, `upstream ${name}: ${why}`)
  }

  #stay(request: FilteredRequest, why: string): undefined {
    request.note(this.name, `upstream ${this.#settings.own}: ${why}`)
  }
}

function partInWords(part: SplitKey): string {
  return 'name' in part ? `${part.from} ${part.name}` : part.from
}
