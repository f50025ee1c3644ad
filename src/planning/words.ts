/** How terminals and pages say what the engines found. */
import type { Session } from '../affinity/affinity.ts'
import type { Refusal } from '../balancing/server-state.ts'
import { Failure } from '../exchange/failure.ts'
import type { OwnResponse } from '../exchange/own-response.ts'
import type { RouteLog, Server, Upstream } from '../runtime/snapshot.ts'
import type { ExplainedFilter } from './answers.ts'

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

/** What the filter answers that is the last one to be reached. */
export function answerInWords(verdict: OwnResponse | Failure, filters: readonly ExplainedFilter[]): string {
  const { status } = verdict
  const filter = filters.find(({ decision }) => decision === 'answers')
  const because = filter?.request.join('; ') || (verdict instanceof Failure ? verdict.text : '')
  const words = `${filter === undefined ? '' : `filter ${filter.name} `}answers ${status}${because && ` (${because})`}`
  return words + reservations(filters)
}

/** Which filters may decide otherwise, in words that end a summary; empty for none. */
export function reservations(filters: readonly ExplainedFilter[]): string {
  const open = filters.filter(({ decision }) => decision === 'open').map(({ name }) => name)
  return open.length === 0 ? '' : `, unless ${open.join(' or ')} decides otherwise`
}

/** How the requests of a route are logged, as its filters `log` say. */
export function logInWords({ share, add, remove, headers, redact, redactHeaders }: RouteLog): string {
  if (share === 0) return 'is not logged'
  const lists = [
    ['with', add],
    ['without', remove],
    ['with the headers', headers],
    ['with *** for', [...redact, ...redactHeaders]],
  ] as const
  return [
    share === 1 ? 'is logged' : `is logged with a chance of ${Number((share * 100).toFixed(2))}%`,
    ...lists.flatMap(([words, names]) => (names.length === 0 ? [] : `${words} ${names.join(', ')}`)),
  ].join(', ')
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
