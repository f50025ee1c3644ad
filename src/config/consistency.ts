import { acmeContradictions } from './acme-contradictions.ts'
import { adminContradictions } from './admin-contradictions.ts'
import { Affinity } from './affinity.ts'
import { asList, asMapping } from './as-written.ts'
import { shown } from './error.ts'
import { Instance, instanceOf } from './instance.ts'
import { Listener } from './listener.ts'
import { listenerContradictions } from './listener-contradictions.ts'
import { repeatedCookies } from './repeated-cookies.ts'
import { Route } from './route.ts'
import { routeContradictions } from './route-contradictions.ts'
import { serverContradictions } from './server-contradictions.ts'
import { protocolContradictions } from './server-protocols.ts'
import { sharedCookieContradictions } from './shared-cookies.ts'
import { splitContradictions } from './split-contradictions.ts'
import { unknownUpstreams } from './unknown-upstreams.ts'
import { type Valid, validOf } from './valid-part.ts'
import type { Issue } from './validate.ts'

/**
 * Finds parts of a file that contradict each other. Takes the file's value instead of the Config, and skips parts that are
 * invalid themselves, so that these issues are reported together with those of the schema.
 */
export function contradictions(file: unknown): Issue[] {
  const { discovery, instance, defaults, ...written } = asMapping(file)
  const listeners = validOf(Listener, written.listeners ?? [{}])
  const routes = asList(written.routes)
  const upstreams = asMapping(written.upstreams)
  return [
    ...listenerContradictions(listeners),
    ...adminContradictions(written, listeners),
    ...routeContradictions(routes, listeners),
    ...unknownUpstreams(routes, defaults, Object.keys(upstreams), discovery !== undefined),
    ...splitContradictions(routes, upstreams),
    ...serverContradictions(upstreams),
    ...protocolContradictions(upstreams),
    ...acmeContradictions(listeners, validOf(Route, routes)),
    ...askWithoutIds(upstreams),
    ...rebalanceOfHashes(upstreams),
    ...sharedCookieContradictions(upstreams),
    ...repeatedCookies({ routes, defaults, upstreams }, instanceIn(instance, listeners)),
  ]
}

/** Labels may describe all routes and upstreams: without them, the file must. */
export function nothingToServe(file: unknown): Issue[] {
  const { routes, upstreams, discovery } = asMapping(file)
  if (file !== asMapping(file) || discovery !== undefined) return []
  const missing = (key: string, value: unknown, kind: string, one: string) => {
    if (value !== undefined && !isEmpty(value)) return []
    return [{ path: [key], message: `expected ${value === undefined ? kind : one}, found ${shown(value)}` }]
  }
  return [
    ...missing('routes', routes, 'a list', 'at least one route'),
    ...missing('upstreams', upstreams, 'a mapping', 'at least one upstream'),
  ]
}

function isEmpty(value: unknown): boolean {
  return value !== null && typeof value === 'object' && Object.keys(value).length === 0
}

/** A server can only be asked about ids of its own, and only `learn` knows these. */
function askWithoutIds(upstreams: Readonly<Record<string, unknown>>): Issue[] {
  return Object.entries(upstreams).flatMap(([name, settings]) => {
    const { drain, affinity } = asMapping(settings)
    const { ask } = asMapping(drain)
    if (ask === undefined || asMapping(affinity).type === 'learn') return []
    return [
      {
        path: ['upstreams', name, 'drain', 'ask'],
        message: `expected no ask without affinity: learn, found ${shown(ask)}`,
        hint: 'only learn knows the ids of the application: leave ask out, or use learn',
        ...(affinity !== undefined && { see: ['upstreams', name, 'affinity'] }),
      },
    ]
  })
}

/** Where a hash says which server a session is on, a session that was moved would go back. */
function rebalanceOfHashes(upstreams: Readonly<Record<string, unknown>>): Issue[] {
  return Object.entries(upstreams).flatMap(([upstream, settings]) => {
    const { rebalance, affinity } = asMapping(settings)
    if (rebalance === undefined) return []
    const kind = affinity === undefined ? 'none' : Affinity.safeParse(affinity).data?.type
    if (kind === undefined || ['cookie', 'shared-cookie', 'learn'].includes(kind)) return []
    return [
      {
        path: ['upstreams', upstream, 'rebalance'],
        message: `expected an affinity of type cookie or learn beside it, found ${kind}`,
        hint: 'only sessions whose server is remembered can move',
        ...(affinity !== undefined && { see: ['upstreams', upstream, 'affinity'] }),
      },
    ]
  })
}

function instanceIn(written: unknown, listeners: readonly Valid<Listener>[]): string {
  const { data } = Instance.safeParse(written)
  return instanceOf({ ...(data !== undefined && { instance: data }), listeners: listeners.map(({ part }) => part) })
}
