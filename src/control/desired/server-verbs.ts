import { isDeepStrictEqual } from 'node:util'
import { noServer, noUpstream, OperationRefused } from '../../admin/operation-refused.ts'
import { formatPath } from '../../config/key-path.ts'
import { loops } from '../../config/loops.ts'
import { resolve } from '../../config/resolve.ts'
import type { Config } from '../../config/schema.ts'
import { Server } from '../../config/server.ts'
import type { Upstream } from '../../config/upstream.ts'
import { type Issue, validate } from '../../config/validate.ts'
import { MAX_SERVERS } from '../../runtime/bounds.ts'
import { type DesiredState, serverNamed, upstreamNamed, withChanges } from './desired-state.ts'
import { writtenServer } from './effective-config.ts'
import {
  type AdminState,
  type DrainOrder,
  type ServerChange,
  withServerChange,
  withUpstreamChange,
} from './operator-changes.ts'

/** A server, by the names of its upstream and its own. */
export interface ServerName {
  readonly upstream: string
  readonly server: string
}

/** Who makes a change, and when, in ms since 1970. */
export interface Stamp {
  readonly by: string
  readonly at: number
}

/** Server settings as the file would have them. */
export type Settings = Readonly<Record<string, unknown>>

/** What is to be different in a server. */
export interface ServerEdit {
  readonly settings?: Settings
  readonly admin?: AdminState
  /** With `admin: 'drain'`. */
  readonly drain?: DrainOrder
}

/** Whether a change may leave an upstream without a server for new users. */
export interface Force {
  readonly force: boolean
  /** Whether the checks and answers of a server let it serve. */
  isWell(upstream: string, id: string): boolean
}

/**
 * The operator's verbs: each makes the next desired state of the current one, or throws OperationRefused. A verb that
 * changes nothing returns the state that it was given.
 */

export function changeServer(
  now: DesiredState,
  name: ServerName,
  edit: ServerEdit,
  force: Force,
  stamp: Stamp,
): DesiredState {
  const { server } = serverIn(now, name)
  const former = now.changes.upstreams[name.upstream]?.servers[server.id]
  const { id: _, ...given } = edit.settings ?? {}
  const { down, drain, ...settings } = given
  const written = down !== undefined || drain !== undefined ? fileState({ down, drain }) : undefined
  const admin = edit.admin ?? written ?? former?.admin
  const order = edit.admin === undefined && written === undefined ? former?.drain : edit.drain
  const change = {
    ...(former?.isAdded === true && { isAdded: true as const }),
    ...(former?.replaced !== undefined && { replaced: former.replaced }),
    settings: { ...former?.settings, ...settings },
    ...(admin !== undefined && { admin }),
    ...(admin === 'drain' && order !== undefined && { drain: order }),
  }
  return assertServed(now, withChange(now, name.upstream, server.id, change, stamp), name.upstream, force)
}

/** Adds a server, or gives one that is there these settings in place of all others. */
export function putServer(
  now: DesiredState,
  name: ServerName,
  settings: Settings,
  force: Force,
  stamp: Stamp,
): DesiredState {
  const upstream = upstreamIn(now.config, name.upstream)
  const { id: written, down = false, drain = false, ...others }: Settings = { ...settings, name: name.server }
  const present = serverNamed(upstream, name.server)
  const base = upstreamNamed(now.base, name.upstream)!
  if (present !== undefined) {
    if (written !== undefined && written !== present.id) throw invalid('expected no id, because an id never changes')
    const isAdded = !base.servers.some(({ id }) => id === present.id)
    const defaults = { ...(isAdded && { isAdded: true as const }), settings: others, admin: fileState({ down, drain }) }
    return assertServed(now, withChange(now, name.upstream, present.id, defaults, stamp), name.upstream, force)
  }
  const all = now.config.upstreams.reduce((sum, { servers }) => sum + servers.length, 0)
  if (all >= MAX_SERVERS) throw invalid(`expected at most ${MAX_SERVERS} servers in total`)
  const id = typeof written === 'string' ? written : idFor(now, name)
  const isInFile = base.servers.some((server) => server.id === id)
  const change = {
    ...(!isInFile && { isAdded: true as const }),
    settings: others,
    admin: fileState({ down, drain }),
  }
  return withChange(now, name.upstream, id, change, stamp)
}

export function removeServer(now: DesiredState, name: ServerName, force: Force, stamp: Stamp): DesiredState {
  const { server } = serverIn(now, name)
  const isInFile = upstreamNamed(now.base, name.upstream)!.servers.some(({ id }) => id === server.id)
  const change = isInFile ? { isRemoved: true as const, settings: {}, ...stamp } : undefined
  const changes = withServerChange(now.changes, name.upstream, server.id, change)
  return assertServed(now, withChanges(now, changes), name.upstream, force)
}

/** Drops the changes of one server: the settings of the file or of its source hold again. */
export function resetServer(now: DesiredState, name: ServerName): DesiredState {
  const changes = now.changes.upstreams[name.upstream]?.servers ?? {}
  const upstream = upstreamNamed(now.config, name.upstream)
  const present = upstream && serverNamed(upstream, name.server)?.id
  const id = present !== undefined && present in changes ? present : (changedId(now, name, changes) ?? present)
  if (id === undefined) throw noServer(name.upstream, name.server, upstreamIn(now.config, name.upstream).servers)
  if (!(id in changes)) return now
  return withChanges(now, withServerChange(now.changes, name.upstream, id, undefined))
}

/** The id of a server that has been removed, or that is not in effect at present, and whose changes are kept. */
function changedId(
  { base }: DesiredState,
  { upstream, server }: ServerName,
  changes: Readonly<Record<string, ServerChange>>,
): string | undefined {
  const removed = upstreamNamed(base, upstream)?.servers.find(({ name }) => name === server)?.id
  if (removed !== undefined && removed in changes) return removed
  return Object.keys(changes).find((id) => (changes[id]!.settings.name ?? id) === server)
}

/** Lets requests wait until that time; undefined ends the pause. */
export function setPause(now: DesiredState, upstream: string, until: number | undefined, stamp: Stamp): DesiredState {
  upstreamIn(now.config, upstream)
  const { pause, ...current } = now.changes.upstreams[upstream] ?? { servers: {} }
  if (pause === undefined && until === undefined) return now
  const change = until === undefined ? current : { ...current, pause: { until, ...stamp } }
  return withChanges(now, withUpstreamChange(now.changes, upstream, change))
}

/** @throws OperationRefused with the names that there are */
export function serverIn(
  { config }: Pick<DesiredState, 'config'>,
  name: ServerName,
): { upstream: Upstream; server: Server } {
  const upstream = upstreamIn(config, name.upstream)
  const server = serverNamed(upstream, name.server)
  if (server === undefined) throw noServer(name.upstream, name.server, upstream.servers)
  return { upstream, server }
}

/** @throws OperationRefused with the names that there are */
export function upstreamIn(config: Config, name: string): Upstream {
  const upstream = upstreamNamed(config, name)
  if (upstream === undefined) throw noUpstream(name, config.upstreams)
  return upstream
}

function invalid(message: string): OperationRefused {
  return new OperationRefused('invalid', message)
}

function fileState({ down, drain }: { readonly down?: unknown; readonly drain?: unknown }): AdminState {
  return down === true ? 'maintenance' : drain === undefined || drain === false ? 'ready' : 'drain'
}

/** The state with that change of a server, as far as it differs from the file, and checked. */
function withChange(
  now: DesiredState,
  upstream: string,
  id: string,
  change: Omit<ServerChange, 'by' | 'at' | 'settings'> & { readonly settings: Settings },
  stamp: Stamp,
): DesiredState {
  const base = upstreamNamed(now.base, upstream)!.servers.find((server) => server.id === id)
  const inFile = base && writtenServer(base)
  const outcome = validate(Server, { ...inFile, id, ...change.settings })
  if ('issues' in outcome) throw refusalOf(outcome.issues, [upstream, String(change.settings.name ?? id)].join('/'))
  const written = writtenServer(outcome.value)
  const isOther = ([key]: [string, unknown]) => inFile === undefined || !isDeepStrictEqual(written[key], inFile[key])
  const settings = Object.fromEntries(Object.entries(change.settings).filter(isOther)) as ServerChange['settings']
  const { admin, ...rest } = change
  // What a source says comes and goes by itself: an operator's state lies on top of it, whatever it is at present.
  const isFileState = admin === (base === undefined || base.source !== undefined ? 'ready' : fileState(base))
  const next = {
    ...rest,
    settings: inFile === undefined ? { ...settings, id } : settings,
    ...(admin !== undefined && (!isFileState || change.drain !== undefined) && { admin }),
    ...stamp,
  }
  const isChange = next.isAdded === true || next.admin !== undefined || Object.keys(settings).length > 0
  const former = now.changes.upstreams[upstream]?.servers[id]
  if (isChange && former !== undefined && isDeepStrictEqual({ ...former, ...stamp }, next)) return now
  if (!isChange && former === undefined) return now
  const state = withChanges(now, withServerChange(now.changes, upstream, id, isChange ? next : undefined))
  const conflict = state.conflicts.find((each) => !now.conflicts.includes(each))
  if (conflict !== undefined) throw new OperationRefused('conflict', conflict)
  // Whether it fits its upstream, and is not the proxy itself, can only differ with what decides that.
  if (base === undefined || 'address' in settings || 'backup' in settings || 'name' in settings)
    assertFits(state.config, upstream, id)
  return state
}

/** @throws OperationRefused if a server contradicts the rest of its upstream, or is the proxy itself */
function assertFits(config: Config, name: string, id: string): void {
  const { pause: _, servers, ...upstream } = upstreamNamed(config, name)!
  const server = servers.find((each) => each.id === id)!
  const some = [server, ...servers.filter((each) => each !== server && !each.backup).slice(0, 1)]
  const file = { routes: [{ path: '/*', upstream: name }], upstreams: { [name]: { servers: some.map(writtenServer) } } }
  const outcome = resolve({ ...file, upstreams: { [name]: { ...file.upstreams[name], ...checkOf(upstream) } } })
  if ('issues' in outcome) throw refusalOf(outcome.issues, `${name}/${server.name}`)
  const [loop] = loops({ ...config, upstreams: [{ ...upstream, servers: [server] }] })
  if (loop !== undefined) throw refusalOf([loop], `${name}/${server.name}`)
}

/** The part of an upstream's settings that can contradict a server: the port of its checks. */
function checkOf({ health }: Omit<Upstream, 'servers' | 'pause'>): object {
  const port = health?.check?.port
  return port === undefined ? {} : { health: { check: { type: 'tcp', port } } }
}

function refusalOf(issues: readonly Issue[], where: string): OperationRefused {
  const problems = issues.map(({ path, message, hint }) => {
    const place = path[0] === 'upstreams' ? path.slice(path[2] === 'servers' ? 4 : 2) : path
    return { where, path: formatPath(place), message, hint }
  })
  const [first] = problems
  const text = [where, first!.path, first!.hint === undefined ? first!.message : `${first!.message} (${first!.hint})`]
  return new OperationRefused('invalid', text.filter((part) => part !== '').join(': '), problems)
}

/** The id for a server that is added: that of a removed server of the file, which comes back as itself; or a free one. */
function idFor({ base, changes }: DesiredState, { upstream, server }: ServerName): string {
  const changed = changes.upstreams[upstream]?.servers ?? {}
  const { servers } = upstreamNamed(base, upstream)!
  const former = servers.find(({ id, name }) => name === server && changed[id]?.isRemoved === true)
  if (former !== undefined) return former.id
  const isTaken = (id: string) => id in changed || servers.some((each) => each.id === id)
  let id = server
  for (let number = 2; isTaken(id); number++) id = `${server}.${number}`
  return id
}

/** @throws OperationRefused if the upstream had a server that may serve new users, and has none any more */
function assertServed(before: DesiredState, next: DesiredState, name: string, { force, isWell }: Force): DesiredState {
  const serving = ({ config }: DesiredState) =>
    (upstreamNamed(config, name)?.servers ?? []).filter(({ id, down, drain }) => !down && !drain && isWell(name, id))
  if (force || before === next || serving(next).length > 0 || serving(before).length === 0) return next
  const detail = `it would leave upstream ${name} without a server that may serve new users`
  throw new OperationRefused('last-server', `${detail}; --force does it anyway`)
}
