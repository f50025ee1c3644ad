import { endpointOf, formatAddress } from '../config/address.ts'
import { withFolderRedirects } from '../config/folder-redirect.ts'
import type { Listener } from '../config/listener.ts'
import { isNamed } from '../config/listener-name.ts'
import type { Route as ConfiguredRoute } from '../config/route.ts'
import type { Config } from '../config/schema.ts'
import type { Route } from '../runtime/snapshot.ts'
import { asBytes } from './compile-affinity.ts'

/**
 * One route for each host and path of a configured route, and one for each redirect to a folder.
 *
 * @param more what its filters, and those of all routes, were compiled to
 * @param upstream the index of the one that serves it; -1 for none
 */
export function compileRoute(
  route: ConfiguredRoute,
  listeners: Config['listeners'],
  more: Pick<Route, 'filters' | 'log'>,
  upstream: number,
): Route[] {
  const hosts = route.hosts.length === 0 ? [undefined] : route.hosts
  const settings = settingsOf(route, listeners)
  return hosts.flatMap((host) =>
    withFolderRedirects(route.paths).map(({ path, ...redirect }) => ({
      ...(host !== undefined && { host }),
      path: asBytes(path),
      ...redirect,
      ...settings,
      ...more,
      upstream,
    })),
  )
}

function settingsOf(route: ConfiguredRoute, listeners: Config['listeners']): Omit<Route, 'path' | 'upstream'> {
  const { methods, headers, query, cookies, clientCertificate, priority, bodyLimit, timeouts, retries } = route
  const named = listeners.filter((listener) => route.listeners.some((name) => isNamed(listener, name)))
  return {
    ...(methods.length > 0 && { methods }),
    ...(isSome(headers) && { headers }),
    ...(isSome(query) && { query: valuesAsBytes(query) }),
    ...(isSome(cookies) && { cookies: valuesAsBytes(cookies) }),
    ...(route.listeners.length > 0 && { listeners: named.map(nameOf) }),
    ...(clientCertificate !== undefined && { clientCertificate }),
    ...(priority !== 0 && { priority }),
    ...(bodyLimit !== undefined && { bodyLimit }),
    ...(timeouts !== undefined && { timeouts }),
    ...(retries !== undefined && { retries }),
  }
}

/** The name by which compiled routes know a listener; undefined if none names it. */
export function nameForRoutes(listener: Listener, routes: readonly ConfiguredRoute[]): string | undefined {
  const isMeant = routes.some(({ listeners }) => listeners.some((name) => isNamed(listener, name)))
  return isMeant ? nameOf(listener) : undefined
}

function nameOf(listener: Listener): string {
  return listener.name ?? formatAddress(endpointOf(listener))
}

function valuesAsBytes(values: ConfiguredRoute['query']): ConfiguredRoute['query'] {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [asBytes(name), value === true ? value : asBytes(value)]),
  )
}

function isSome(mapping: object): boolean {
  return Object.keys(mapping).length > 0
}
