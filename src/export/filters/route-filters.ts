import type { Problem } from '../../config/error.ts'
import type { Config } from '../../config/schema.ts'
import { block, type Directive, directive } from '../directive.ts'
import { withInherited } from '../inheritance.ts'
import { when } from '../refusal.ts'
import { byRule } from './addresses.ts'
import { type Exported, internalPath, type Standing } from './filter-export.ts'
import { exportOf } from './registry.ts'
import { standingsOf } from './standings.ts'

/** The filters of all routes as directives. */
export class RouteFiltersExport {
  /** Beside the servers. */
  readonly shared: readonly Directive[]
  /** By the number of the route. */
  readonly #routes: readonly RouteDirectives[]

  /** @param inherited what a location with such directives of its own must repeat */
  constructor(config: Config, inherited: readonly Directive[]) {
    this.#routes = config.routes.map((_, index) => directivesOf(standingsOf(config, index), inherited))
    this.shared = withoutRepeats(this.#routes.flatMap(({ shared }) => shared))
  }

  /** What stands in the locations of the route of that number. */
  of(route: number): readonly Directive[] {
    return this.#routes[route]!.own
  }

  /** Locations of their own, in each server that has one of these routes. */
  locationsOf(routes: readonly number[]): Directive[] {
    return withoutRepeats([...new Set(routes)].flatMap((route) => this.#routes[route]!.locations))
  }
}

/** What of the filters of all routes nginx cannot express. */
export function inexpressibleFilters(config: Config): Problem[] {
  const problems = config.routes.flatMap((_, index) => standingsOf(config, index).flatMap(inexpressible))
  // Those of `defaults` are found with every route.
  return [...new Map(problems.map((problem) => [`${problem.path} ${problem.message}`, problem])).values()]
}

function inexpressible(standing: Standing): Problem[] {
  const { filter, path, siblings, changedBefore } = standing
  const { isOnly, problems, changes } = exportOf(filter)
  const names = changes?.(filter) ?? []
  return [
    ...problems(standing),
    ...when(
      (isOnly === true && siblings.find((each) => each.filter.type === filter.type)!.path !== path) ||
        changedBefore.some((name) => names.includes(name)),
      path,
      'nginx has no order of filters that change the same thing',
      'write one filter for all of it',
    ),
  ]
}

interface RouteDirectives {
  readonly shared: readonly Directive[]
  readonly own: readonly Directive[]
  readonly locations: readonly Directive[]
}

/** Filters behind one that answers every request see responses, but no requests. */
function directivesOf(standings: readonly Standing[], inherited: readonly Directive[]): RouteDirectives {
  const exports = standings.map((standing) => ({ standing, ...exportOf(standing.filter).directives(standing) }))
  const answering = exports.findIndex(({ answer }) => answer !== undefined)
  const asked = answering < 0 ? exports : exports.slice(0, answering + 1)
  const response = together(exports, 'response')
  const ownResponse = exports.flatMap((each) => each.ownResponse ?? each.response ?? [])
  const parts = { passing: together(asked, 'passing'), ownResponse }
  const gates = [...asked].sort((one, other) => byRule(one.standing, other.standing)).flatMap(({ gates = [] }) => gates)
  const errors = together(exports, 'errors')
  const shortcuts = asked.flatMap(({ shortcut }) => shortcut?.(parts) ?? [])
  const before = [...shortcuts, ...gates, ...errors]
  const answer = asked.at(-1)?.answer
  const locations = exports.flatMap((each) => each.locations?.(parts) ?? [])
  const complete = (directives: readonly Directive[]) => withInherited(withoutRepeats(directives), inherited)
  const shared = together(exports, 'shared')
  if (answer === undefined)
    return {
      shared,
      own: complete([...before, ...parts.passing, ...response]),
      locations: locations.map(within(complete)),
    }
  const whole = [...ownResponse, ...answer]
  if (gates.length === 0)
    return { shared, own: complete([...before, ...whole]), locations: locations.map(within(complete)) }
  // `return` would answer before the gates are asked; `try_files` comes after them.
  const name = `@limpet_answer_${standings[answering]!.word}`
  return {
    shared,
    own: complete([...before, ...ownResponse, directive('try_files', internalPath('none'), name)]),
    locations: [...locations, block('location', [name], whole)].map(within(complete)),
  }
}

function together(exports: readonly Exported[], part: 'shared' | 'passing' | 'errors' | 'response'): Directive[] {
  return exports.flatMap((each) => each[part] ?? [])
}

/** The same in the block of a location. */
function within(complete: (directives: readonly Directive[]) => readonly Directive[]) {
  return (location: Directive): Directive => ({ ...location, block: complete(location.block!) })
}

/** Each directive once: several exports set the same status. */
function withoutRepeats(directives: readonly Directive[]): Directive[] {
  return [...new Map(directives.map((each) => [JSON.stringify(each), each])).values()]
}
