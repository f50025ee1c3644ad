import { z } from 'zod'
import type { Config } from '../../config/schema.ts'
import { Server } from '../../config/server.ts'
import type { Upstream } from '../../config/upstream.ts'
import { validate } from '../../config/validate.ts'
import type { OperatorChanges, ServerChange, UpstreamChange } from './operator-changes.ts'

/** A configuration with the operator's changes on top. */
export interface Effective {
  readonly config: Config
  /** Changes that contradict the configuration, and have no effect: one sentence each. */
  readonly conflicts: readonly string[]
}

/** An upstream with the changes to it. */
interface EffectiveUpstream {
  readonly upstream: Upstream
  readonly conflicts: readonly string[]
}

/**
 * Puts the operator's changes on top of a configuration. Where nothing has changed since the last call, the result has
 * the same objects, so that the rest of the control plane can tell by `===` what to look at.
 */
export function effectiveOf(base: Config, changes: OperatorChanges): Effective {
  const conflicts: string[] = []
  let isChanged = false
  const upstreams = base.upstreams.map((upstream) => {
    const change = changes.upstreams[upstream.name]
    if (change === undefined) return upstream
    const effective = upstreamWith(upstream, change)
    conflicts.push(...effective.conflicts)
    isChanged = true
    return effective.upstream
  })
  return { config: isChanged ? { ...base, upstreams } : base, conflicts }
}

/** The results for changes that are still in effect, each with what it was made from. */
const upstreamsMade = new WeakMap<UpstreamChange, EffectiveUpstream & { readonly base: Upstream }>()
const serversMade = new WeakMap<
  ServerChange,
  { readonly base: Server | undefined; readonly server: Server | undefined }
>()

function upstreamWith(base: Upstream, change: UpstreamChange): EffectiveUpstream {
  const made = upstreamsMade.get(change)
  if (made?.base === base) return made
  const conflicts: string[] = []
  const servers: Server[] = []
  const names = new Set<string>()
  const conflict = (what: string, cause: string) =>
    conflicts.push(`upstream ${base.name}: ${what} has no effect: ${cause}`)
  const add = (server: Server, what: string) => {
    if (names.has(server.name)) conflict(what, `the name ${server.name} is taken`)
    else {
      names.add(server.name)
      servers.push(server)
    }
  }
  const ids = new Set(base.servers.map(({ id }) => id))
  // The file's own names come first: a server that only gets another name gives way.
  for (const server of base.servers) {
    const changed = change.servers[server.id]
    if (changed === undefined) add(server, `server ${server.name} of the file`)
  }
  for (const server of base.servers) {
    const changed = change.servers[server.id]
    if (changed !== undefined && changed.isRemoved !== true) {
      const what = `the change of server ${server.name}`
      const changedServer = serverWith(server, changed)
      if (changedServer === undefined) conflict(what, 'its settings are invalid')
      const next = changedServer ?? server
      const isTaken = names.has(next.name)
      if (isTaken) conflicts.push(`upstream ${base.name}: server ${server.name} keeps its name: ${next.name} is taken`)
      add(isTaken ? { ...next, name: server.name } : next, what)
    }
  }
  for (const [id, added] of Object.entries(change.servers)) {
    if (added.isAdded !== true || ids.has(id)) continue
    const what = `server ${id}, added at run time,`
    const server = serverWith(undefined, added)
    if (server === undefined) conflict(what, 'its settings are invalid')
    else add(server, what)
  }
  const order = new Map(base.servers.map(({ id }, index) => [id, index]))
  servers.sort((one, other) => (order.get(one.id) ?? Infinity) - (order.get(other.id) ?? Infinity) || 0)
  const { pause } = change
  const upstream = { ...base, servers, ...(pause !== undefined && { pause: { until: pause.until } }) }
  const effective = { base, upstream, conflicts }
  upstreamsMade.set(change, effective)
  return effective
}

/** A server with a change to it; undefined if its settings are invalid by now. */
function serverWith(base: Server | undefined, change: ServerChange): Server | undefined {
  const made = serversMade.get(change)
  if (made !== undefined && made.base === base) return made.server
  const written = { ...(base && writtenServer(base)), ...change.settings }
  const outcome = validate(Server, written)
  const server = 'value' in outcome ? inState(asFound(outcome.value, base), change) : undefined
  serversMade.set(change, { base, server })
  return server
}

/** A server with what its source says of it, and no file can. */
function asFound(server: Server, base: Server | undefined): Server {
  if (base?.source === undefined) return server
  const { source, away, returns, ending, incarnation } = base
  return {
    ...server,
    source,
    ...(away && { away }),
    ...(returns && { returns }),
    ...(ending && { ending }),
    ...(incarnation !== undefined && { incarnation }),
  }
}

/** What a source says of a server always holds: one that is about to end, or not well, is not made ready by an operator. */
function inState(server: Server, { admin, drain }: ServerChange): Server {
  if (admin === undefined) return server
  const { ownSessions: _, ending, ...rest } = server
  const isFound = server.source !== undefined
  return {
    ...rest,
    down: admin === 'maintenance' || (isFound && server.down),
    drain: admin === 'drain' || (isFound && server.drain),
    // Where the operator drains it, it gets no new sessions, whatever else happens.
    ...(ending && admin === 'ready' && { ending }),
    ...(drain?.isCut === true && drain.then !== 'keep' && { ownSessions: drain.then }),
  }
}

/** A server's settings as the file would have them, its id and name included. */
export function writtenServer(server: Server): Record<string, unknown> & { id: string; name: string } {
  const written = z.encode(Server, server) as Record<string, unknown>
  return { ...written, id: server.id, name: server.name }
}
