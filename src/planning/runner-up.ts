import { conditionsOf, type RequestConditions } from '../routing/conditions.ts'
import { patternIn } from '../routing/expression.ts'
import { hasParameters, pathForm } from '../routing/path-form.ts'
import { Router } from '../routing/router.ts'
import type { Route } from '../runtime/snapshot.ts'
import { placeOf } from './closest-routes.ts'

/** Of the routes that match a request as well, the one that would come next, and why another comes first; undefined if there is none. */
export function runnerUp(
  routes: readonly Route[],
  first: Route,
  host: string,
  path: string,
  request: RequestConditions,
): string | undefined {
  const next = new Router(routes.filter((route) => route !== first)).find(host, path, request)
  return next === undefined ? undefined : `${placeOf(next)}: ${reason(first, next)}`
}

function reason(first: Route, next: Route): string {
  if ((first.priority ?? 0) !== (next.priority ?? 0)) return `its priority is lower, ${next.priority ?? 0}`
  if (first.host !== next.host) return next.host === undefined ? 'it is for any host' : 'its host is less specific'
  if (first.path !== next.path) return reasonOfPaths(first, next)
  if (next.redirect !== undefined) return 'it is a redirect to a folder'
  return conditionsOf(next).length < conditionsOf(first).length ? 'it has fewer conditions' : 'it has no methods'
}

function reasonOfPaths(first: Route, next: Route): string {
  const isExact = ({ path }: Route) => patternIn(path) === undefined && pathForm(path).opening === undefined
  if (isExact(first) && !isExact(next)) return 'it is no exact path'
  if (isExact(first)) return 'its path has a parameter where the other has none'
  if (patternIn(next.path) !== undefined) return 'its regular expression begins with less of the path, or is shorter'
  if (hasParameters(next.path)) return 'it covers less of the path, or has a parameter where the other has none'
  return 'it covers less of the path'
}
