import type { Route } from './route.ts'

/** Where a route stands among others. */
interface RoutePlace {
  /** `/app/* on www.example.org`. */
  readonly target: string
  /** The target, and how specific the route is otherwise: routes of different places are never mistaken for one another. */
  readonly place: string
}

/** One for each host and path. */
export function placesOf({ hosts, paths, headers, methods }: Route): RoutePlace[] {
  const rank = `${Object.keys(headers).length} ${methods.length > 0}`
  const on = hosts.length === 0 ? ['any host'] : hosts
  return on.flatMap((host) =>
    paths.map((path) => {
      const target = `${path} on ${host}`
      return { target, place: `${target} ${rank}` }
    }),
  )
}

/** Whether one request can match both routes. They must have a place in common. */
export function canMatchTogether(one: Route, other: Route): boolean {
  const headersAgree = Object.entries(one.headers).every(([name, value]) => (other.headers[name] ?? value) === value)
  const methodsMeet = one.methods.length === 0 || one.methods.some((method) => other.methods.includes(method))
  return headersAgree && methodsMeet
}
