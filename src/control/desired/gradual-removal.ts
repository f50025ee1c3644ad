import { type DesiredState, desiredState, upstreamNamed } from './desired-state.ts'
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
      if (ids.has(server.id) || isDrained || server.down) continue
      const { down: _, drain: __, ...settings } = writtenServer(server)
      const drain = { startedAt: time, deadline: removeAfter, then, spread, removes: true as const }
      const change = { isAdded: true, settings, admin: 'drain', drain, by: BY, at: time } as ServerChange
      changes = withServerChange(changes, upstream.name, server.id, change)
    }
  }
  return changes === next.changes ? next : desiredState(next.base, changes)
}

/** The changes without the drains of servers that were removed from the file, and are in it again. */
function withoutReturned({ base, changes }: DesiredState): OperatorChanges {
  let remaining = changes
  for (const { name, servers } of base.upstreams) {
    const changed = changes.upstreams[name]?.servers
    if (changed === undefined) continue
    for (const { id } of servers) {
      const isLeaving = changed[id]?.isAdded === true && changed[id]?.drain?.removes === true
      if (isLeaving) remaining = withServerChange(remaining, name, id, undefined)
    }
  }
  return remaining
}
