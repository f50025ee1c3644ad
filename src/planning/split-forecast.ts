import { POINTS } from '../runtime/cohort.ts'
import type { FilterSettings, SplitSettings } from '../runtime/filter-settings.ts'
import type { Route, Snapshot } from '../runtime/snapshot.ts'
import type { SplitMove } from './answers.ts'

/**
 * Which users move between upstreams where a split is added, changed or removed: exactly those whose points are in another part.
 * Splits of requests have no users, and those by another key than before divide them anew; neither is among them.
 *
 * @param live how many sessions there are on the upstream of that name
 */
export function splitMoves(current: Snapshot, next: Snapshot, live: (upstream: string) => number): SplitMove[] {
  const before = new Map(current.routes.map((route) => [requirementsOf(route), route]))
  // The hosts and paths of one route of the file share their filters.
  const seen = new Set<readonly FilterSettings[]>()
  return next.routes.flatMap((route) => {
    const former = before.get(requirementsOf(route))
    const filters = route.filters ?? former?.filters
    if (former === undefined || former.filters === route.filters || filters === undefined || seen.has(filters))
      return []
    seen.add(filters)
    return movesOf(new Division(former, current), new Division(route, next), live)
  })
}

function movesOf(was: Division, is: Division, live: (upstream: string) => number): SplitMove[] {
  if (!is.dividesAs(was)) return []
  const moving = new Map<string, number>()
  const all = new Map<string, number>()
  for (let point = 0; point < POINTS; point++) {
    const [from, to] = [was.upstreamAt(point), is.upstreamAt(point)]
    all.set(from, (all.get(from) ?? 0) + 1)
    if (from !== to) moving.set(`${from} ${to}`, (moving.get(`${from} ${to}`) ?? 0) + 1)
  }
  return Array.from(moving, ([pair, points]) => {
    const [from = '', to = ''] = pair.split(' ')
    const share = points / all.get(from)!
    return { route: is.route, from, to, share, sessions: is.keepsSessions ? 0 : Math.round(share * live(from)) }
  })
}

/** How a route divides its users. */
class Division {
  readonly route: string
  readonly #split: SplitSettings | undefined
  readonly #own: string

  constructor({ host = '', path, filters = [], upstream }: Route, { upstreams }: Snapshot) {
    this.route = `${host}${path}`
    this.#split = filters.find((filter) => filter.type === 'split')
    this.#own = upstreams[upstream]?.name ?? ''
  }

  /** Whether users have the same points in both. */
  dividesAs(other: Division): boolean {
    const [one, two] = [this.#split ?? other.#split, other.#split ?? this.#split]
    if (one === undefined || two === undefined || one.by === 'request' || this.#own !== other.#own) return false
    return JSON.stringify(one.by) === JSON.stringify(two.by)
  }

  /** Whether users with a session on the route's own upstream stay there. */
  get keepsSessions(): boolean {
    return this.#split?.onlyNew === true
  }

  upstreamAt(point: number): string {
    return this.#split?.cohorts.find(({ from, to }) => from <= point && point < to)?.name ?? this.#own
  }
}

/** What a request must look like, which tells routes apart. */
function requirementsOf({ filters: _, log: __, upstream: ___, slot: ____, ...requirements }: Route): string {
  const { bodyLimit: _____, timeouts: ______, retries: _______, ...rest } = requirements
  return JSON.stringify(rest)
}
