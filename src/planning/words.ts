/** How terminals and pages say what the engines found. */
import type { Session } from '../affinity/affinity.ts'
import type { Refusal } from '../balancing/server-state.ts'
import type { Server, Upstream } from '../runtime/snapshot.ts'

/** Whether a server may serve, and if not, why. */
export function inWords(refusal: Refusal | null, server: Server): string {
  const { backup, drain, ending, failTimeout, maxConnections } = server
  switch (refusal) {
    case null:
      if (drain) return 'may serve: it drains, and the session is its own'
      return backup ? 'may serve if no other server may: it is a backup' : 'may serve'
    case 'removed':
      return 'is no longer in the upstream'
    case 'down':
      return 'is disabled by the operator'
    case 'drained':
      return ending
        ? 'has been told to stop: it takes new sessions only if no other server may serve'
        : 'drains: it takes no new sessions'
    case 'away':
      return 'is away, and expected back: its sessions stay its own'
    case 'unhealthy':
      return 'is down by its checks'
    case 'ejected':
      return 'is ejected, since it answered badly'
    case 'suspended':
      return `is suspended for up to ${failTimeout / 1000} s, since requests to it failed`
    case 'full':
      return `has as many requests in flight as it may have: ${maxConnections}`
  }
}

/** What a request shows of its session. Neither its key nor its id is in it. */
export function sessionInWords(
  { affinity }: Upstream,
  { standing, key }: Session,
  server: string | null,
  isSecure: boolean,
): string {
  const on = server === null ? '' : `, on server ${server}`
  if (affinity?.type === 'server-id') return serverIdInWords(standing, on)
  if (affinity?.type !== 'cookie') {
    if (key !== undefined && affinity?.type !== 'learn') return `its key belongs to server ${server}`
    return standing === 'known' ? `a learnt session${on}` : 'an id that is not known: its hash decides'
  }
  const { sharedWith } = affinity
  const isMarked = affinity.secure === 'always' || (affinity.secure === 'auto' && isSecure)
  const gets = `it gets the cookie ${affinity.name}${isMarked ? ', marked Secure' : ''}`
  switch (standing) {
    case 'known':
      return `a valid cookie${on}${sharedWith === undefined ? '' : `, shared with upstream ${sharedWith.join(' and ')}`}`
    case 'new':
      return `no cookie: ${gets}`
    case 'invalid':
      return `a cookie that is forged, broken, or of another upstream: ${gets}`
    case 'expired':
      return `a cookie whose session is over: ${gets}`
    case 'removed':
      return 'a valid cookie of a server that is no longer in the upstream'
  }
}

function serverIdInWords(standing: Session['standing'], on: string): string {
  switch (standing) {
    case 'removed':
      return 'a session id that names a server which is not in the upstream: its hash decides'
    case 'expired':
      return 'a session id whose session is over: its hash decides'
    default:
      return `a session id that names its server${on}`
  }
}
