import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { endpointOf, formatAddress } from '../../config/address.ts'
import { instanceOf } from '../../config/instance.ts'
import { formatPath } from '../../config/key-path.ts'
import { type Route, Route as RouteSchema } from '../../config/route.ts'
import { Config } from '../../config/schema.ts'
import { Server } from '../../config/server.ts'
import { Source } from '../../config/source.ts'
import type { Upstream } from '../../config/upstream.ts'
import { apart } from '../../runtime/apart.ts'
import { writtenServer } from './effective-config.ts'

/** Keys whose values are never shown. */
const SECRET = /^(?:secrets?|authorization|proxy-authorization|cookie|x-api-key|tokens?|password|externalAccount)$/i

/** The longest value that is shown. */
const LONGEST_VALUE = 60

/**
 * What differs between two configurations, one sentence for each: `upstream app: server web-3 added`, `upstream app:
 * server web-1: weight 1 → 2`, `route /admin/* removed`. Parts that are the same object in both are not looked at.
 */
export function differenceInWords(before: Config, next: Config): string[] {
  if (before === next) return []
  return [
    ...listenerChanges(before, next),
    ...routeChanges(before.routes, next.routes),
    ...upstreamChanges(before.upstreams, next.upstreams),
    ...settingChanges(before, next),
  ]
}

function listenerChanges({ listeners: before }: Config, { listeners: next }: Config): string[] {
  if (before === next) return []
  const nameOf = (listener: Config['listeners'][number]) => formatAddress(endpointOf(listener))
  return changesOf(
    before,
    next,
    nameOf,
    (name) => `listener ${name}`,
    (one, other) => leaves(one, other),
  )
}

function routeChanges(before: readonly Route[], next: readonly Route[]): string[] {
  if (before === next) return []
  const same = (one: Route, other: Route) => [
    ...(one.upstream === other.upstream ? [] : [`upstream ${one.upstream} → ${other.upstream}`]),
    ...leaves(routeSettings(one), routeSettings(other)),
  ]
  return changesOf(before, next, routeKey, (_, route) => `route ${routeInWords(route)}`, same)
}

function routeKey({
  upstream: _,
  filters: ______,
  bodyLimit: __,
  timeouts: ___,
  retries: ____,
  source: _____,
  ...conditions
}: Route): string {
  return JSON.stringify(conditions)
}

/** What a route says besides its conditions and its upstream, as the file would have it. */
function routeSettings(route: Route): unknown {
  const { bodyLimit, timeouts, retries, filters } = z.encode(RouteSchema, route)
  return {
    ...(bodyLimit !== undefined && { bodyLimit }),
    ...(timeouts !== undefined && { timeouts }),
    ...(retries !== undefined && { retries }),
    filters: filters ?? [],
  }
}

function routeInWords(route: Route): string {
  const { paths, hosts, methods, headers, query, cookies, listeners, clientCertificate, priority } = route
  const conditions = [
    hosts.length > 0 ? `on ${hosts.join(', ')}` : '',
    methods.length > 0 ? `for ${methods.join(', ')}` : '',
    Object.keys(headers).length > 0 ? `with ${Object.keys(headers).join(', ')}` : '',
    Object.keys(query).length > 0 ? `with ?${Object.keys(query).join(', ?')}` : '',
    Object.keys(cookies).length > 0 ? `with cookie ${Object.keys(cookies).join(', ')}` : '',
    listeners.length > 0 ? `by ${listeners.join(', ')}` : '',
    clientCertificate === undefined ? '' : `with ${clientCertificate === false ? 'no ' : ''}client certificate`,
    priority === 0 ? '' : `at priority ${priority}`,
  ].filter((condition) => condition !== '')
  return [paths.join(', '), ...conditions].join(' ')
}

function upstreamChanges(before: readonly Upstream[], next: readonly Upstream[]): string[] {
  if (before === next) return []
  return changesOf(
    before,
    next,
    ({ name }) => name,
    (name) => `upstream ${name}`,
    upstreamDifference,
  )
}

function upstreamDifference(before: Upstream, next: Upstream): string[] {
  const servers = changesOf(
    before.servers,
    next.servers,
    ({ id }) => id,
    (_, { name }) => `server ${name}`,
    serverDifference,
  )
  const { servers: _, sources: ___, pause: paused, ...settings } = before
  const { servers: __, sources: ____, pause, ...nextSettings } = next
  const isSame = isDeepStrictEqual(settings, nextSettings)
  return [
    ...(pause !== undefined && pause.until !== paused?.until ? [`paused until ${asTime(pause.until)}`] : []),
    ...(pause === undefined && paused !== undefined ? ['resumed'] : []),
    ...servers,
    ...sourceChanges(before, next),
    ...(isSame ? [] : leaves(writtenUpstream(before), writtenUpstream(next))),
  ]
}

function sourceChanges({ sources: before }: Upstream, { sources: next }: Upstream): string[] {
  if (before === next || isDeepStrictEqual(before, next)) return []
  return leaves(
    before.map((source) => z.encode(Source, source)),
    next.map((source) => z.encode(Source, source)),
    ['servers'],
  )
}

function asTime(ms: number): string {
  return new Date(ms).toISOString()
}

/** Stands for the servers of an upstream, which may have none by now. */
const ANY_SERVER = Server.parse({ id: 'any', name: 'any', address: '127.0.0.1:1' })

/** All but the servers, as the file would have it. */
function writtenUpstream(upstream: Upstream): unknown {
  const written = z.encode(Config.shape.upstreams, [{ ...upstream, servers: [ANY_SERVER] }])
  const { servers: _, ...settings } = (written as Record<string, Record<string, unknown>>)[upstream.name]!
  return settings
}

function serverDifference(before: Server, next: Server): string[] {
  const [was, is] = [stateOf(before), stateOf(next)]
  const { down: _, drain: __, ...settings } = writtenServer(before)
  const { down: ___, drain: ____, ...nextSettings } = writtenServer(next)
  return [
    ...(was === is ? [] : [`${was} → ${is}`]),
    ...(before.returns === next.returns ? [] : [`${next.returns ? '' : 'not '}expected back where it goes`]),
    ...(!next.drain || before.ownSessions === next.ownSessions ? [] : [`its sessions ${becomeOf(next)}`]),
    ...leaves(settings, nextSettings),
  ]
}

/** What becomes of the sessions of a server that drains. */
function becomeOf({ ownSessions }: Server): string {
  if (ownSessions === undefined) return 'stay'
  return ownSessions === 'move' ? 'move to others' : 'are refused'
}

function stateOf({ down, drain, away, ending }: Server): string {
  const admin = down ? 'maintenance' : ending ? 'drain (ending)' : drain ? 'drain' : 'ready'
  if (!away) return admin
  return admin === 'ready' ? 'away' : `away, ${admin}`
}

/** The keys whose changes are described one by one. */
const LISTS = ['listeners', 'routes', 'upstreams']

function settingChanges(before: Config, next: Config): string[] {
  const keys = Object.keys({ ...before, ...next }).filter((key) => !LISTS.includes(key))
  // A default name that is written down, or no longer needs to be, is the same instance.
  const changed = instanceOf(before) === instanceOf(next) ? keys.filter((key) => key !== 'instance') : keys
  return changed.flatMap((key) => {
    const [one, other] = [before[key as keyof Config], next[key as keyof Config]]
    if (one === other || isDeepStrictEqual(one, other)) return []
    const schema = Config.shape[key as keyof typeof Config.shape]
    const [was, is] = [one, other].map((value) => (value === undefined ? undefined : z.encode(schema, value as never)))
    return leaves(was, is, [key])
  })
}

/**
 * The changes of a list whose items have keys: added, removed, and what differs in those that are in both. There may be
 * thousands: those that are the same object in both are set aside first.
 */
function changesOf<Item extends object>(
  listBefore: readonly Item[],
  nextList: readonly Item[],
  keyOf: (item: Item) => string,
  nameOf: (key: string, item: Item) => string,
  difference: (before: Item, next: Item) => string[],
): string[] {
  const [before, next] = apart(listBefore, nextList)
  const old = byKey(before, keyOf)
  const now = byKey(next, keyOf)
  const inWords = (item: Item) => nameOf(keyOf(item), item)
  const removed = [...old].flatMap(([key, item]) => (now.has(key) ? [] : [`${inWords(item)} removed`]))
  const others = [...now].flatMap(([key, item]) => {
    const former = old.get(key)
    if (former === undefined) return [`${inWords(item)} added`]
    if (former === item) return []
    return difference(former, item).map((what) => `${inWords(former)}: ${what}`)
  })
  return [...removed, ...others]
}

/** Items of one key (such as listeners on any free port) are told apart by their order. */
function byKey<Item>(items: readonly Item[], keyOf: (item: Item) => string): ReadonlyMap<string, Item> {
  const keyed = new Map<string, Item>()
  const seen = new Map<string, number>()
  for (const item of items) {
    const key = keyOf(item)
    const nth = (seen.get(key) ?? 0) + 1
    seen.set(key, nth)
    keyed.set(`${key} ${nth}`, item)
  }
  return keyed
}

/** What differs between two values of a file: `path before → after` for each. */
function leaves(before: unknown, next: unknown, path: readonly PropertyKey[] = []): string[] {
  if (isDeepStrictEqual(before, next)) return []
  const name = formatPath(path)
  if (isSecret(path)) return [`${name} changed`]
  if (isMapping(before) && isMapping(next)) {
    return Object.keys({ ...before, ...next }).flatMap((key) => leaves(before[key], next[key], [...path, key]))
  }
  if (isListOfMappings(before) && isListOfMappings(next)) {
    if (areAlike(before, next)) return before.flatMap((item, at) => leaves(item, next[at], [...path, at]))
    return [...without(before, next, path, 'removed'), ...without(next, before, path, 'added')]
  }
  return [`${name} ${shown(before, path)} → ${shown(next, path)}`.trim()]
}

/** Whether both are lists of the same kinds of entries in the same order, such as filters: an entry has one key, its kind. */
function areAlike(before: readonly object[], next: readonly object[]): boolean {
  const [was, is] = [before, next].map((list) => list.map((item) => Object.keys(item)))
  return was!.every((keys) => keys.length === 1) && isDeepStrictEqual(was, is)
}

/** What is in the list and not in the other one, a sentence each. Whole lists of mappings would be too long to show. */
function without(
  list: readonly object[],
  other: readonly object[],
  path: readonly PropertyKey[],
  what: 'removed' | 'added',
): string[] {
  const missing = list.filter((item) => !other.some((each) => isDeepStrictEqual(each, item)))
  return missing.map((item) => `${formatPath(path)}: ${what} ${shown(item, path)}`)
}

/** @param path of the value */
function shown(value: unknown, path: readonly PropertyKey[]): string {
  if (value === undefined) return 'default'
  const withoutSecrets = (key: string, part: unknown) => (isSecret([...path, key]) ? '…' : part)
  const text = typeof value === 'string' ? value : JSON.stringify(value, withoutSecrets)
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE - 1)}…` : text
}

/** Services that take traces have their own names for the headers with their tokens. */
function isSecret(path: readonly PropertyKey[]): boolean {
  return path.some((step) => SECRET.test(String(step))) || (path[0] === 'tracing' && path[1] === 'headers')
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

function isListOfMappings(value: unknown): value is readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) && value.every(isMapping)
}
