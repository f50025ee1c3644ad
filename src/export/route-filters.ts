import type { Problem } from '../config/error.ts'
import type { Filter } from '../config/filter.ts'
import type { Config } from '../config/schema.ts'
import { exportAddresses, inexpressibleAddresses } from './addresses.ts'
import { type Directive, directive } from './directive.ts'
import type { Standing } from './exported-filter.ts'
import { exportConcurrencyLimit, exportRateLimit, inexpressibleLimit } from './limits.ts'
import { when } from './refusal.ts'

/** The filters of a route that nginx has, too, as directives. */
export class RouteFiltersExport {
  /** Beside the servers. */
  readonly shared: readonly Directive[]
  /** By the number of the route: in its locations. */
  readonly #own: readonly (readonly Directive[])[]

  constructor(config: Config) {
    const shared = new Map<string, Directive>()
    this.#own = config.routes.map((_, index) => {
      const standings = standingsOf(config, index)
      const limits = standings.flatMap((standing) => {
        if (isOf(standing, 'rateLimit')) return exportRateLimit(standing)
        return isOf(standing, 'concurrencyLimit') ? exportConcurrencyLimit(standing) : []
      })
      for (const each of limits.flatMap((limit) => limit.shared ?? [])) shared.set(JSON.stringify(each), each)
      const own = [
        ...limits.flatMap((limit) => limit.own),
        ...exportAddresses(standings.filter(isOfAddresses)),
        ...(isUnlogged(standings) ? [directive('access_log', 'off')] : []),
      ]
      return withoutRepeats(own)
    })
    this.shared = [...shared.values()]
  }

  /** What stands in the locations of the route of that number. */
  of(route: number): readonly Directive[] {
    return this.#own[route]!
  }
}

/** What of the filters of all routes nginx cannot express. */
export function inexpressibleFilters(config: Config): Problem[] {
  const problems = config.routes.flatMap((_, index) => {
    const standings = standingsOf(config, index)
    return [
      ...standings.flatMap(inexpressibleFilter),
      ...inexpressibleAddresses(standings.filter(isOfAddresses)),
      ...contradictions(standings),
    ]
  })
  // Those of `defaults` are found with every route.
  return [...new Map(problems.map((problem) => [`${problem.path} ${problem.message}`, problem])).values()]
}

const exported: readonly string[] = ['allow', 'concurrencyLimit', 'deny', 'log', 'rateLimit'] satisfies Filter['type'][]

function inexpressibleFilter(standing: Standing): Problem[] {
  const { filter, path } = standing
  const { type } = filter
  if (isOf(standing, 'rateLimit') || isOf(standing, 'concurrencyLimit')) return inexpressibleLimit(standing)
  return [
    ...when(!exported.includes(type), `${path}.${type}`, `the export does not know the filter ${type}`, 'leave it out'),
    ...when(
      filter.type === 'log' && !isOff(filter),
      `${path}.log`,
      'nginx logs all requests of a location alike, or none',
      'write log: off, or leave it out',
    ),
  ]
}

/** nginx has one status and one dry run for all limits of a location. */
function contradictions(standings: readonly Standing[]): Problem[] {
  return (['rateLimit', 'concurrencyLimit'] as const).flatMap((type) => {
    const [first, ...others] = standings.filter((standing) => isOf(standing, type))
    return others.flatMap(({ filter, path }) =>
      when(
        filter.status !== first!.filter.status || filter.dryRun !== first!.filter.dryRun,
        `${path}.${type}`,
        `nginx has one status and one dryRun for all filters ${type} of a route`,
        'give them the same',
      ),
    )
  })
}

/** The filters of a route, those of `defaults` first. */
function standingsOf({ defaults: { filters: ofAll = [] } = {}, routes }: Config, index: number): Standing[] {
  return [
    ...ofAll.map((filter, at) => {
      const isPerRoute = 'by' in filter && Array.isArray(filter.by) && filter.by.some(({ from }) => from === 'route')
      const word = isPerRoute ? `all_${at}_${index}` : `all_${at}`
      return { filter, path: `defaults.filters[${at}]`, word }
    }),
    ...routes[index]!.filters.map((filter, at) => {
      return { filter, path: `routes[${index}].filters[${at}]`, word: `${index}_${at}` }
    }),
  ]
}

function isOf<Type extends Filter['type']>(
  standing: Standing,
  type: Type,
): standing is Standing<Extract<Filter, { type: Type }>> {
  return standing.filter.type === type
}

function isOfAddresses(standing: Standing): standing is Standing<Extract<Filter, { type: 'allow' | 'deny' }>> {
  return isOf(standing, 'allow') || isOf(standing, 'deny')
}

function isUnlogged(standings: readonly Standing[]): boolean {
  return standings.some(({ filter }) => filter.type === 'log' && isOff(filter))
}

function isOff({ sample, add, remove, headers, redact, redactHeaders }: Extract<Filter, { type: 'log' }>): boolean {
  return sample === 0 && [add, remove, headers, redact, redactHeaders].every((list) => list === undefined)
}

/** Each directive once: several limits set the same status. */
function withoutRepeats(directives: readonly Directive[]): Directive[] {
  return [...new Map(directives.map((each) => [JSON.stringify(each), each])).values()]
}
