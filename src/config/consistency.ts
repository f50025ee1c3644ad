import type { z } from 'zod'
import { MAX_SERVERS, MAX_UPSTREAMS } from '../runtime/bounds.ts'
import { acmeContradictions } from './acme-contradictions.ts'
import { endpointOf, formatAddress } from './address.ts'
import { Admin, isLoopback } from './admin.ts'
import { Affinity } from './affinity.ts'
import { asList, asMapping } from './as-written.ts'
import { alternatives, shown } from './error.ts'
import { answersAll } from './filter.ts'
import { Instance, instanceOf } from './instance.ts'
import { formatPath, type KeyPath } from './key-path.ts'
import { Listener } from './listener.ts'
import { unknownListeners } from './listener-name.ts'
import { Metrics } from './metrics.ts'
import { nearest } from './nearest.ts'
import { formatPlace, overlap } from './place.ts'
import { repeatedCookies } from './repeated-cookies.ts'
import { Route } from './route.ts'
import { canMatchTogether, placesOf } from './route-places.ts'
import { Server } from './server.ts'
import { protocolContradictions } from './server-protocols.ts'
import { sharedCookieContradictions } from './shared-cookies.ts'
import { Source } from './source.ts'
import { splitContradictions } from './split-contradictions.ts'
import { formatUnixSocket, isUnixSocket } from './unix-socket.ts'
import { unknownUpstreams } from './unknown-upstreams.ts'
import { didYouMean, type Issue } from './validate.ts'

/**
 * Finds parts of a file that contradict each other. Takes the file's value instead of the Config, and skips parts that are
 * invalid themselves, so that these issues are reported together with those of the schema.
 */
export function contradictions(file: unknown): Issue[] {
  const { listeners, routes, defaults, upstreams, discovery, instance, admin, metrics } = asMapping(file)
  const groups = Object.entries(asMapping(upstreams)).map(([name, upstream]) => serversOf(name, upstream))
  const validListeners = validOf(Listener, listeners ?? [{}])
  return [
    ...repeatedListeners(validListeners),
    ...repeatedListenerNames(validListeners),
    ...adminOnListener(admin, listeners, validListeners),
    ...adminWithoutTokens(asMapping(admin)),
    ...metricsOnAnother(metrics, admin, listeners, validListeners),
    ...routesWithoutUpstream(asList(routes)),
    ...unknownUpstreams(asList(routes), defaults, Object.keys(asMapping(upstreams)), discovery !== undefined),
    ...splitContradictions(asList(routes), asMapping(upstreams)),
    ...ambiguousRoutes(validOf(Route, routes)),
    ...listenersNotThere(validOf(Route, routes), validListeners),
    ...groups.flatMap(repeatedNames),
    ...groups.flatMap(repeatedIds),
    ...groups.flatMap(repeatedSources),
    ...groups.flatMap(onlyBackups),
    ...groups.flatMap(portsOfSockets),
    ...protocolContradictions(asMapping(upstreams)),
    ...ticketKeysOfOthers(validListeners),
    ...acmeContradictions(validListeners, validOf(Route, routes)),
    ...askWithoutIds(asMapping(upstreams)),
    ...rebalanceOfHashes(asMapping(upstreams)),
    ...sharedCookieContradictions(asMapping(upstreams)),
    ...repeatedCookies(
      { routes: asList(routes), defaults, upstreams: asMapping(upstreams) },
      instanceIn(instance, validListeners),
    ),
    ...tooManyUpstreams(groups),
    ...tooManyServers(groups),
  ]
}

/** A part that is valid itself, and its index in its list. */
interface Valid<Part> {
  readonly index: number
  readonly part: Part
}

interface ServerGroup {
  readonly path: KeyPath
  /** The value of `health.check.port`. */
  readonly checkPort: unknown
  /** The number of entries in the file, valid or not: servers and sources. */
  readonly written: number
  readonly servers: readonly Valid<Server>[]
  readonly sources: readonly Valid<Source>[]
}

function serversOf(name: string, upstream: unknown): ServerGroup {
  const { servers, health } = asMapping(upstream)
  // One source may stand in place of the list.
  const entries = 'from' in asMapping(servers) ? [servers] : asList(servers)
  return {
    path: ['upstreams', name, 'servers'],
    checkPort: asMapping(asMapping(health).check).port,
    written: entries.length,
    servers: validOf(Server, entries),
    sources: validOf(Source, entries),
  }
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

function repeatedListenerNames(listeners: readonly Valid<Listener>[]): Issue[] {
  const named = listeners.filter(({ part }) => part.name !== undefined)
  return repeats(named, ({ name = '' }) => name).map(([name, first, again]) => ({
    path: ['listeners', again, 'name'],
    message: `expected a unique name, found ${JSON.stringify(name)} again`,
    see: ['listeners', first, 'name'],
  }))
}

function repeatedListeners(listeners: readonly Valid<Listener>[]): Issue[] {
  const fixed = listeners.filter(({ part }) => 'path' in part || part.port !== 0)
  return repeats(fixed, (listener) => formatAddress(endpointOf(listener))).map(([address, first, again]) => ({
    path: ['listeners', again],
    message: `expected a unique address and port, found ${address} again`,
    see: ['listeners', first],
  }))
}

/** All workers have one key, so that a session can be resumed at any listener that offers the same certificate. */
function ticketKeysOfOthers(listeners: readonly Valid<Listener>[]): Issue[] {
  const keys = listeners.flatMap(({ index, part: { tls } }) =>
    tls?.ticketKeys === undefined ? [] : [{ path: ['listeners', index, 'tls', 'ticketKeys'], file: tls.ticketKeys }],
  )
  const [first, ...others] = keys
  return others.flatMap(({ path, file }) => {
    if (first === undefined || file === first.file) return []
    const message = `expected the file of the other listeners, ${shown(first.file)}, found ${shown(file)}`
    return [{ path, message, see: first.path }]
  })
}

/** On a shared address, clients would reach either the proxy or the admin API, or the admin API could not start. */
function adminOnListener(admin: unknown, written: unknown, listeners: readonly Valid<Listener>[]): Issue[] {
  const place = Admin.safeParse(admin).data
  if (place === undefined || place === 'off') return []
  if ('socket' in place) return adminOnSocketOfListener(place.socket, listeners)
  const taken = listeners.find(({ part }) => 'port' in part && overlap(part, place))
  if (taken === undefined || !('port' in taken.part)) return []
  const isMapping = typeof admin === 'object'
  return [
    {
      path: isMapping ? ['admin', 'port'] : ['admin'],
      message: `expected a port that no listener uses, found ${place.port}, the port of listener ${formatPlace(taken.part)}`,
      hint: isMapping ? undefined : `write admin: { port: ${place.port + 1} }`,
      ...(written !== undefined && { see: ['listeners', taken.index] }),
    },
  ]
}

function adminOnSocketOfListener(socket: string, listeners: readonly Valid<Listener>[]): Issue[] {
  const taken = listeners.find(({ part }) => 'path' in part && part.path === socket)
  if (taken === undefined) return []
  const message = `expected a socket that no listener uses, found ${formatUnixSocket(socket)}`
  return [{ path: ['admin', 'socket'], message, see: ['listeners', taken.index] }]
}

/** On a shared address, metrics could not be served. */
function metricsOnAnother(
  metrics: unknown,
  admin: unknown,
  written: unknown,
  listeners: readonly Valid<Listener>[],
): Issue[] {
  const place = metrics === undefined ? undefined : Metrics.safeParse(metrics).data
  if (place === undefined) return []
  const api = admin === undefined ? undefined : Admin.safeParse(admin).data
  const expected = (what: string, holder: string) =>
    `expected a port that ${what}, found ${place.port}, the port of ${holder}`
  const taken = listeners.find(({ part }) => 'port' in part && overlap(part, place))
  if (taken !== undefined && 'port' in taken.part) {
    const message = expected('no listener uses', `listener ${formatPlace(taken.part)}`)
    return [{ path: ['metrics', 'port'], message, ...(written !== undefined && { see: ['listeners', taken.index] }) }]
  }
  if (api === undefined || api === 'off' || !('port' in api) || !overlap(api, place)) return []
  const message = expected('the admin API does not use', `the admin API ${formatPlace(api)}`)
  return [
    { path: ['metrics', 'port'], message, hint: 'the admin API has the metrics, too, at /metrics', see: ['admin'] },
  ]
}

/** Without tokens everyone who reaches the address could read what serves. */
function adminWithoutTokens({ address, tokens }: Readonly<Record<string, unknown>>): Issue[] {
  if (typeof address !== 'string' || tokens !== undefined || isLoopback(address) || isUnixSocket(address)) return []
  const message = `expected a loopback address, because there are no tokens, found ${shown(address)}`
  return [{ path: ['admin', 'address'], message, hint: 'write 127.0.0.1, or add tokens' }]
}

function repeatedNames({ path, servers }: ServerGroup): Issue[] {
  return repeats(servers, ({ name }) => name).map(([name, first, again]) => ({
    path: [...path, again],
    message: `expected a unique name, found ${JSON.stringify(name)} again`,
    hint: 'the name of a server is its address by default',
    see: [...path, first],
  }))
}

/** Reported where the names differ: servers of the same name have the same id, too. */
function repeatedIds({ path, servers }: ServerGroup): Issue[] {
  const repeated = new Set(repeats(servers, ({ name }) => name).map(([, , index]) => index))
  const named = servers.filter(({ index }) => !repeated.has(index))
  return repeats(named, ({ id }) => id).map(([id, first, again]) => ({
    path: [...path, again],
    message: `expected a unique id, found ${JSON.stringify(id)} again`,
    hint: 'the id of a server is its name by default',
    see: [...path, first],
  }))
}

/** Such a source would find each of its servers twice. */
function repeatedSources({ path, sources }: ServerGroup): Issue[] {
  return repeats(sources, (source) => JSON.stringify(source)).map(([, first, again]) => ({
    path: [...path, again],
    message: 'expected each source once, found the same one again',
    see: [...path, first],
  }))
}

function onlyBackups({ path, written, servers, sources }: ServerGroup): Issue[] {
  const backups = [...servers, ...sources].filter(({ part }) => part.backup === true).length
  if (written === 0 || backups < written) return []
  return [{ path, message: 'expected at least one server that is not a backup, found only backups' }]
}

function portsOfSockets({ path, checkPort, servers }: ServerGroup): Issue[] {
  const socket = servers.find(({ part }) => 'path' in part.endpoint)
  if (checkPort === undefined || socket === undefined) return []
  return [
    {
      path: [...path.slice(0, -1), 'health', 'check', 'port'],
      message: `expected no port, because server ${socket.part.address} has none, found ${shown(checkPort)}`,
      hint: 'leave it out: checks go to the same address as requests',
      see: [...path, socket.index],
    },
  ]
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

function instanceIn(written: unknown, listeners: readonly Valid<Listener>[]): string {
  const { data } = Instance.safeParse(written)
  return instanceOf({ ...(data !== undefined && { instance: data }), listeners: listeners.map(({ part }) => part) })
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

/** Reported at the first upstream beyond the limit. */
function tooManyUpstreams(groups: readonly ServerGroup[]): Issue[] {
  const beyond = groups[MAX_UPSTREAMS]
  if (beyond === undefined) return []
  const message = `expected at most ${MAX_UPSTREAMS} upstreams, found ${groups.length}`
  return [{ path: beyond.path.slice(0, -1), atKey: true, message }]
}

/** Reported at the first server beyond the limit. */
function tooManyServers(groups: readonly ServerGroup[]): Issue[] {
  const servers = groups.reduce((sum, { written }) => sum + written, 0)
  let room = MAX_SERVERS
  for (const { path, written } of groups) {
    if (written > room) {
      const message = `expected at most ${MAX_SERVERS} servers in total, found ${servers}`
      return [{ path: [...path, room], message }]
    }
    room -= written
  }
  return []
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

function validOf<Schema extends z.ZodType>(schema: Schema, list: unknown): Valid<z.output<Schema>>[] {
  return asList(list).flatMap((written, index) => {
    const result = schema.safeParse(written)
    return result.success ? [{ index, part: result.data }] : []
  })
}

/** The parts whose key occurred before: the key, the index of its first part, and their own index. */
function repeats<Part>(parts: readonly Valid<Part>[], keyOf: (part: Part) => string): [string, number, number][] {
  const firsts = new Map<string, number>()
  return parts.flatMap(({ index, part }): [string, number, number][] => {
    const key = keyOf(part)
    const first = firsts.get(key)
    if (first !== undefined) return [[key, first, index]]
    firsts.set(key, index)
    return []
  })
}
