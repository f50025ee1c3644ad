import type { Filter } from '../config/filter.ts'
import type { Directive } from './directive.ts'

/** A filter of a route, and where it stands. */
export interface Standing<Kind extends Filter = Filter> {
  readonly filter: Kind
  /** Its path in the configuration: `routes[0].filters[1]`. */
  readonly path: string
  /** A word for what it keeps in nginx's memory: no other filter has it. */
  readonly word: string
}

/** What a filter is in nginx. */
export interface Exported {
  /** Beside the servers. */
  readonly shared?: readonly Directive[]
  /** In the locations of its routes. */
  readonly own: readonly Directive[]
}
