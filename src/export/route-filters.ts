import type { Problem } from '../config/error.ts'
import type { Filter } from '../config/filter.ts'
import type { Config } from '../config/schema.ts'
import { exportAddresses, inexpressibleAddresses } from './addresses.ts'
import { type Directive, directive } from './directive.ts'
import type { Standing } from './exported-filter.ts'
import { changedNames, exportHeadChanges, inexpressibleHeadChanges, tellsOfRequest } from './head-changes.ts'
import { exportConcurrencyLimit, exportRateLimit, inexpressibleLimit } from './limits.ts'
import { exportAnswer, inexpressibleAnswer } from './own-answers.ts'
import { when } from './refusal.ts'
import { exportRelaying, inexpressibleRelaying } from './relaying-filters.ts'

/** The filters of a route that nginx has, too, as directives. */
export class RouteFiltersExport {
  /** Beside the servers. */
  readonly shared: readonly Directive[]
  /** By the number of the route: in its locations. */
  readonly #own: readonly (readonly Directive[])[]

  /** @param inherited what a location with such directives of its own must repeat */
  constructor(config: Config, inherited: readonly Directive[]) {
    const shared = new Map<string, Directive>()
    this.#own = config.routes.map((_, index) => {
      const standings = standingsOf(config, index)
      const exports = standings.flatMap((standing) => {
        if (isOf(standing, 'rateLimit')) return exportRateLimit(standing)
        if (isOf(standing, 'concurrencyLimit')) return exportConcurrencyLimit(standing)
        return isChanging(standing) ? exportHeadChanges(standing) : []
      })
      for (const each of exports.flatMap(({ shared: some = [] }) => some)) shared.set(JSON.stringify(each), each)
      const own = [
        ...exports.flatMap(({ own }) => own),
        ...exportAddresses(standings.filter(isOfAddresses)),
        ...standings.filter(isRelaying).flatMap(exportRelaying),
        ...standings.filter(isAnswering).flatMap(exportAnswer),
        ...(isUnlogged(standings) ? [directive('access_log', 'off')] : []),
      ]
      return withInherited(withoutRepeats(own), inherited)
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
      ...standings.flatMap((standing) =>
        inexpressibleFilter(standing, standings.length - 1, config.routes[index]!.paths),
      ),
      ...inexpressibleAddresses(standings.filter(isOfAddresses)),
      ...contradictions(standings),
      ...orders(standings),
    ]
  })
  // Those of `defaults` are found with every route.
  return [...new Map(problems.map((problem) => [`${problem.path} ${problem.message}`, problem])).values()]
}

const exported: readonly string[] = ['allow', 'deny', 'log'] satisfies Filter['type'][]

function inexpressibleFilter(standing: Standing, others: number, paths: readonly string[]): Problem[] {
  const { filter, path } = standing
  const { type } = filter
  if (isOf(standing, 'rateLimit') || isOf(standing, 'concurrencyLimit')) return inexpressibleLimit(standing)
  if (isAnswering(standing)) return inexpressibleAnswer(standing, others)
  if (isRelaying(standing) || isChanging(standing))
    return [
      ...(isRelaying(standing) ? inexpressibleRelaying(standing, paths) : []),
      ...(isChanging(standing) ? inexpressibleHeadChanges(standing) : []),
    ]
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

/** nginx has one status and one dry run for all exports of a location. */
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

/** nginx has no order of what changes the same thing. */
function orders(standings: readonly Standing[]): Problem[] {
  return standings.flatMap((standing, index) => {
    const { filter, path } = standing
    const earlier = standings.slice(0, index)
    const names = changedNames(standing)
    const isRepeated =
      (isRelaying(standing) || filter.type === 'host') && earlier.some((each) => isOf(each, filter.type))
    return when(
      isRepeated ||
        (tellsOfRequest(standing) &&
          earlier.some((each) => isChanging(each) && each.filter.type !== 'securityHeaders')) ||
        earlier.flatMap(changedNames).some((name) => names.includes(name)),
      `${path}.${filter.type}`,
      'nginx has no order of filters that change the same thing',
      'write one filter for all of it',
    )
  })
}

/** The directives, and before them what nginx would no longer inherit. */
function withInherited(own: readonly Directive[], inherited: readonly Directive[]): Directive[] {
  const nameIn = ({ args: [name] }: Directive) => name?.toLowerCase()
  const repeated = inherited.filter(
    (one) =>
      own.some(({ name }) => name === one.name) &&
      !own.some((each) => each.name === one.name && nameIn(each) === nameIn(one)),
  )
  return [...repeated, ...own]
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

type Changing = Parameters<typeof exportHeadChanges>[0]
type Relaying = Parameters<typeof exportRelaying>[0]
type Answering = Parameters<typeof exportAnswer>[0]

function isChanging(standing: Standing): standing is Changing {
  return ['headers', 'host', 'path', 'securityHeaders'].includes(standing.filter.type)
}

function isRelaying(standing: Standing): standing is Relaying {
  return ['answers', 'bufferResponse', 'path', 'tryNext'].includes(standing.filter.type)
}

function isAnswering(standing: Standing): standing is Answering {
  return isOf(standing, 'redirect') || isOf(standing, 'respond')
}

function isUnlogged(standings: readonly Standing[]): boolean {
  return standings.some(({ filter }) => filter.type === 'log' && isOff(filter))
}

function isOff({ sample, add, remove, headers, redact, redactHeaders }: Extract<Filter, { type: 'log' }>): boolean {
  return sample === 0 && [add, remove, headers, redact, redactHeaders].every((list) => list === undefined)
}

/** Each directive once: several exports set the same status. */
function withoutRepeats(directives: readonly Directive[]): Directive[] {
  return [...new Map(directives.map((each) => [JSON.stringify(each), each])).values()]
}
