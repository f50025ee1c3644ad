/** What surrounds the filters of a route. */
export interface Surroundings {
  readonly instance: string
  /** The indices of all upstreams by their names. */
  readonly upstreams: ReadonlyMap<string, number>
  /** The name of the route's own upstream; undefined if it has none. */
  readonly own: string | undefined
}
