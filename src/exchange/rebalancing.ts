import type { ServerState } from '../balancing/server-state.ts'
import type { ExchangeSession } from './exchange-session.ts'
import type { UpstreamGroup } from './upstream-group.ts'

/**
 * The server, claimed, to which a session moves so that the servers have equal loads; undefined if it stays on its own. A
 * session moves between its requests: one with an exchange in flight stays. If it has just moved there, and its client does not
 * know yet, its request follows.
 *
 * @param home the server that the session is on
 */
export function claimDestination(
  session: ExchangeSession,
  home: ServerState,
  group: UpstreamGroup,
  time: number,
): ServerState | undefined {
  const { departures, queue, settings } = group
  const { slot } = home.settings
  const to = group.serverIn(departures.destination(slot))
  if (to === undefined || !to.mayServe(time)) return undefined
  if (queue.isAwaited(home) || queue.isAwaited(to) || queue.isAwaited(undefined)) return undefined
  if (session.movingTo() === to) return to.claim(time) ? to : undefined
  if (!departures.isOpen(slot) || !session.move(home, to, settings.rebalance!.unseenFor)) return undefined
  if (departures.take(slot, to.settings.slot) && to.claim(time)) return to
  session.moveBack()
  return undefined
}
