import type { ServerState } from '../balancing/server-state.ts'
import type { ExchangeSession } from './exchange-session.ts'
import type { UpstreamGroup } from './upstream-group.ts'

/**
 * The server, claimed, to which a session returns from a backup, now that one which is no backup may serve again; undefined if it
 * stays. As when loads become equal (rebalancing.ts), a session moves between its requests, and those that it sends before
 * the first of them is answered follow that one.
 *
 * @param backup the server that the session is on
 * @param key what the upstream's policy hashes; empty for nothing
 */
export function claimPrimary(
  session: ExchangeSession,
  backup: ServerState,
  group: UpstreamGroup,
  key: Uint8Array,
  time: number,
): ServerState | undefined {
  // Who came before is served first.
  if (!group.queue.isEmpty) return undefined
  const followed = session.movingTo()
  if (followed !== undefined) return !followed.settings.backup && followed.claim(time) ? followed : undefined
  if (!session.mayLeave(backup)) return undefined
  const primary = group.policy.pick(key, group.servers.filter(isBackup), time)
  if (primary === undefined || session.move(backup, primary, 0)) return primary
  primary.release()
  return undefined
}

function isBackup({ settings }: ServerState): boolean {
  return settings.backup
}
