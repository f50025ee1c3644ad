import type { Config } from '../../config/schema.ts'
import type { Server } from '../../config/server.ts'
import { isAuthoritative } from '../../config/source.ts'
import { type DesiredState, upstreamNamed, withChanges } from './desired-state.ts'
import { writtenServer } from './effective-config.ts'
import { type OperatorChanges, type ServerChange, withServerChange } from './operator-changes.ts'

/** Who drains a server that was removed, in the operator's changes. */
const BY = 'removeAfter'

/**
 * The next desired state, in which servers that are removed from upstreams with `drain.removeAfter` stay for that time, and
 * drain. One that comes back meanwhile stays for good.
 *
 * @param time in ms since 1970
 */
export function withGradualRemovals(now: DesiredState, next: DesiredState, time: number): DesiredState {
  let changes = withoutReturned(next)
  for (const upstream of now.config.upstreams) {
    const remaining = upstreamNamed(next.config, upstream.name)
    if (remaining === undefined || remaining === upstream || remaining.drain.removeAfter === 0) continue
    const { removeAfter, then, spread } = remaining.drain
    const ids = new Set(remaining.servers.map(({ id }) => id))
    for (const server of upstream.servers) {
      const isDrained = now.changes.upstreams[upstream.name]?.servers[server.id]?.drain?.removes === true
      if (ids.has(server.id) || isDrained || server.down || isGone(server)) continue
      const { down: _, drain: __, ...settings } = writtenServer(server)
      const drain = { startedAt: time, deadline: removeAfter, then, spread, removes: true as const }
      const order = { admin: 'drain', drain, by: BY, at: time } as const
      const former = now.changes.upstreams[upstream.name]?.servers[server.id]
      // The file still has a server that an operator removes.
      const change = isIn(next.base, upstream.name, server.id)
        ? { settings: former?.settings ?? {}, ...order }
        : {
            isAdded: true,
            settings,
            ...order,
            ...(former !== undefined && former.isAdded !== true && { replaced: former }),
          }
      changes = withServerChange(changes, upstream.name, server.id, change as ServerChange)
    }
  }
  return changes === next.changes ? next : withChanges(next, changes)
}

/** Whether nothing may be sent to a server any more that its source does not name: its address may be another's. */
function isGone({ source }: Server): boolean {
  return source !== undefined && isAuthoritative(source)
}

/** The state once a server that was removed gradually has drained: one that the file still has stays removed by the changes. */
export function withoutDrained(now: DesiredState, upstream: string, id: string, time: number): DesiredState {
  const change = now.changes.upstreams[upstream]?.servers[id]
  if (change?.drain?.removes !== true) return now
  const removed = isIn(now.base, upstream, id)
    ? { isRemoved: true as const, settings: {}, by: BY, at: time }
    : change.replaced
  return withChanges(now, withServerChange(now.changes, upstream, id, removed))
}

function isIn(base: Config, upstream: string, id: string): boolean {
  return upstreamNamed(base, upstream)?.servers.some((server) => server.id === id) === true
}

/** The changes without the drains of servers that were removed from the file, and are in it again: those before hold again. */
function withoutReturned({ base, changes }: DesiredState): OperatorChanges {
  let remaining = changes
  for (const { name, servers } of base.upstreams) {
    const changed = changes.upstreams[name]?.servers
    if (changed === undefined) continue
    for (const { id } of servers) {
      const change = changed[id]
      const isLeaving = change?.isAdded === true && change.drain?.removes === true
      if (isLeaving) remaining = withServerChange(remaining, name, id, change.replaced)
    }
  }
  return remaining
}
