import { isDeepStrictEqual } from 'node:util'
import { canBeCertified } from './host.ts'
import type { Listener } from './listener.ts'
import type { Route } from './route.ts'
import type { Issue } from './validate.ts'

/** A part that is valid itself, and its index in its list. */
interface Valid<Part> {
  readonly index: number
  readonly part: Part
}

/** What of `acme` contradicts other listeners, or the routes. */
export function acmeContradictions(listeners: readonly Valid<Listener>[], routes: readonly Valid<Route>[]): Issue[] {
  const all = listeners.flatMap(({ index, part: { tls } }) =>
    tls?.acme === undefined ? [] : [{ path: ['listeners', index, 'tls', 'acme'], acme: tls.acme }],
  )
  const [first, ...others] = all
  if (first === undefined) return []
  const different = others.filter(({ acme }) => !isDeepStrictEqual(acme, first.acme))
  const hasHosts = first.acme.onDemand !== undefined || routes.some(({ part: { hosts } }) => hosts.some(canBeCertified))
  return [
    ...different.map(({ path }) => ({
      path,
      message: 'expected the same acme as that of the other listener, found another',
      hint: 'use an anchor and an alias of YAML',
      see: first.path,
    })),
    ...(hasHosts
      ? []
      : [
          {
            path: first.path,
            message: 'expected a route with a host, for which a certificate can be obtained, found none',
            hint: 'give routes a host, or set onDemand',
          },
        ]),
  ]
}
