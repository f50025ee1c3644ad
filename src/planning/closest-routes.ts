import type { RequestConditions } from '../routing/conditions.ts'
import { Router } from '../routing/router.ts'
import { isCredential } from '../runtime/credential-header.ts'
import type { Route } from '../runtime/snapshot.ts'

/** The most routes that are named. */
const MOST = 3

/** What the routes closest to a request require of it, if no route matches: one sentence each. */
export function closestRoutes(
  routes: readonly Route[],
  host: string,
  path: string,
  request: RequestConditions,
): string[] {
  const unconditional = routes.map(({ host, path, upstream }) => ({
    ...(host !== undefined && { host }),
    path,
    upstream,
  }))
  const place = new Router(unconditional).find(host, path, request)
  if (place !== undefined) {
    const there = routes.filter((route) => route.host === place.host && route.path === place.path)
    return there.slice(0, MOST).map((route) => `${placeOf(route)} needs ${conditionsOf(route).join(' and ')}`)
  }
  const ofAnyHost = unconditional.map(({ path, upstream }) => ({ path, upstream }))
  const anywhere = new Router(ofAnyHost).find('', path, request)
  const elsewhere = routes.filter((route) => route.path === anywhere?.path && route.host !== undefined)
  return elsewhere.slice(0, MOST).map((route) => `${placeOf(route)} is for the host ${route.host}`)
}

/** A route's host and path, as a sentence names it. */
export function placeOf({ host, path }: Route): string {
  return `the route for ${host ?? ''}${path}`
}

/** What a route requires besides its host and path. Values that may be secret are left out. */
export function conditionsOf({ methods, headers, query, cookies, listeners, clientCertificate }: Route): string[] {
  return [
    ...(methods === undefined ? [] : [`the method ${methods.join(' or ')}`]),
    ...entries(headers).map(([name, value]) => `the header ${name}: ${isCredential(name) ? '***' : value}`),
    ...entries(query).map(([name]) => `the parameter ${name} in its query`),
    ...entries(cookies).map(([name]) => `the cookie ${name}`),
    ...(listeners === undefined ? [] : [`the listener ${listeners.join(' or ')}`]),
    ...(typeof clientCertificate === 'boolean'
      ? [clientCertificate ? 'a client certificate' : 'no client certificate']
      : entries(clientCertificate).map(([field, value]) => `a client certificate with the ${field} ${value}`)),
  ]
}

function entries<Value>(record: Readonly<Record<string, Value>> | undefined): [string, Value][] {
  return Object.entries(record ?? {})
}
