import { endpointOf, formatAddress } from './address.ts'
import { asList, asMapping } from './as-written.ts'
import { alternatives } from './error.ts'
import { answersAll } from './filter.ts'
import { formatPath } from './key-path.ts'
import type { Listener } from './listener.ts'
import { unknownListeners } from './listener-name.ts'
import { nearest } from './nearest.ts'
import { Route } from './route.ts'
import { canMatchTogether, placesOf } from './route-places.ts'
import { type Valid, validOf } from './valid-part.ts'
import { didYouMean, type Issue } from './validate.ts'

/** What contradicts itself among the routes of a file. */
export function routeContradictions(written: readonly unknown[], listeners: readonly Valid<Listener>[]): Issue[] {
  const routes = validOf(Route, written)
  return [...routesWithoutUpstream(written), ...ambiguousRoutes(routes), ...listenersNotThere(routes, listeners)]
}

/** Only a filter that answers every request makes an upstream unnecessary. */
function routesWithoutUpstream(routes: readonly unknown[]): Issue[] {
  return routes.flatMap((route, index) => {
    const { upstream, filters } = asMapping(route)
    if (upstream !== undefined || route !== asMapping(route) || asList(filters).some(answersAll)) return []
    return [{ path: ['routes', index, 'upstream'], message: 'expected the name of an upstream, found nothing' }]
  })
}

function listenersNotThere(routes: readonly Valid<Route>[], listeners: readonly Valid<Listener>[]): Issue[] {
  const known = listeners.map(({ part }) => part)
  return routes.flatMap(({ index, part }) =>
    unknownListeners(part.listeners, known).map((name) => {
      const names = known.map((listener) => listener.name ?? formatAddress(endpointOf(listener)))
      const message = `expected a listener (${alternatives(names)}) or the port of one, found ${JSON.stringify(name)}`
      return { path: ['routes', index, 'listener'], message, hint: didYouMean(nearest(String(name), names)) }
    }),
  )
}

/** Routes that match the same request with the same specificity. Each pair is reported once, at its later route. */
function ambiguousRoutes(routes: readonly Valid<Route>[]): Issue[] {
  const seen = new Map<string, Valid<Route>[]>()
  const issues = new Map<string, Issue>()
  for (const later of routes) {
    for (const { target, place } of placesOf(later.part)) {
      const earlier = seen.get(place) ?? []
      for (const { index, part } of earlier) {
        if (canMatchTogether(part, later.part))
          issues.set(`${index} ${later.index}`, ambiguity(target, index, later.index))
      }
      earlier.push(later)
      seen.set(place, earlier)
    }
  }
  return [...issues.values()]
}

function ambiguity(target: string, first: number, again: number): Issue {
  return {
    path: ['routes', again],
    message: `expected one most specific route, found ${formatPath(['routes', first])} equally specific for ${target}`,
    hint: 'give one of the two another host, path, methods, conditions or priority',
    see: ['routes', first],
  }
}
