import type { Problem } from '../../config/error.ts'
import type { Filter } from '../../config/filter.ts'
import type { Route } from '../../config/route.ts'
import type { Config } from '../../config/schema.ts'
import type { Directive } from '../directive.ts'

/** The filter of that type. */
export type Of<Type extends Filter['type']> = Extract<Filter, { type: Type }>

/** A filter of a route, and where it stands. */
export interface Standing<Kind extends Filter = Filter> {
  readonly filter: Kind
  /** Its path in the configuration: `routes[0].filters[1].headers`. */
  readonly path: string
  /** A word for what it keeps in nginx: no other filter has it. */
  readonly word: string
  readonly route: Route
  readonly config: Config
  /** All filters of the route in order, with this one. */
  readonly siblings: readonly Standing[]
  /** What those before it change, such as `request x-user`. */
  readonly changedBefore: readonly string[]
}

/** What a filter is in nginx, by where its directives stand. */
export interface Exported {
  /** Beside the servers. */
  readonly shared?: readonly Directive[]
  /** In the locations of its routes: which requests are let through. */
  readonly gates?: readonly Directive[]
  /** There: what servers get, and what is done with their answers. */
  readonly passing?: readonly Directive[]
  /** There: what happens where there is an error. */
  readonly errors?: readonly Directive[]
  /** There: what every response gets. */
  readonly response?: readonly Directive[]
  /** What responses get that are not a server's, if that is something else. */
  readonly ownResponse?: readonly Directive[]
  /** Answers every request. */
  readonly answer?: readonly Directive[]
  /** Answers some requests, before anything else. */
  readonly shortcut?: (route: RouteParts) => Directive
  /** Locations of its own in each server that has its routes. */
  readonly locations?: (route: RouteParts) => readonly Directive[]
}

/** What the filters of a route are together. */
export interface RouteParts {
  readonly passing: readonly Directive[]
  readonly ownResponse: readonly Directive[]
}

/** How the filters of one type become directives. */
export interface FilterExport<Kind extends Filter = Filter> {
  /** Whether a route may have only one of them. */
  readonly isOnly?: boolean
  /** What of it nginx cannot express. */
  readonly problems: (standing: Standing<Kind>) => Problem[]
  /** Asked only where nothing is a problem. */
  readonly directives: (standing: Standing<Kind>) => Exported
  /** What it changes, with names in lower case: nginx has no order of filters that change the same. */
  readonly changes?: (filter: Kind) => readonly string[]
}

export function isOf<Type extends Filter['type']>(
  standing: Standing,
  ...types: Type[]
): standing is Standing<Of<Type>> {
  return (types as string[]).includes(standing.filter.type)
}

/** The filters before this one. */
export function earlier<Kind extends Filter>({ filter, siblings }: Standing<Kind>): readonly Standing[] {
  return siblings.slice(
    0,
    siblings.findIndex((each) => each.filter === filter),
  )
}

/** A location that only nginx itself asks for. */
export function internalPath(word: string): string {
  return `/limpet-internal/${word}`
}
