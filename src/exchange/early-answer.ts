import type { RequestHead } from '../http1/request-head.ts'
import { normaliseHost } from '../routing/host.ts'
import type { BanList } from '../runtime/ban-list.ts'
import type { IpAddress } from '../runtime/ip-address.ts'
import type { Ends } from '../transport/ends.ts'
import type { TlsFacts } from '../transport/tls-facts.ts'
import { Failure } from './failure.ts'
import { type OwnResponse, ownResponse, redirect } from './own-response.ts'
import { authorityOf, pathOf, type ReceivedRequest } from './received-request.ts'

/** Where certificate authorities look for answers to HTTP-01 challenges (RFC 8555 §8.3); a token follows. */
const CHALLENGE_PATH = '/.well-known/acme-challenge/'

/** What of a client counts before its request is routed. */
interface Origin {
  readonly address: IpAddress
  readonly ends: Pick<Ends, 'tls' | 'redirectTo'>
  readonly isSecure: boolean
}

/** What is answered before anything is routed. */
interface EarlyAnswers {
  /** The answers to certificate authorities, by token. */
  readonly challenges: ReadonlyMap<string, string>
  readonly bans: BanList
}

/**
 * What a request is answered whatever the routes say: a certificate authority, a client that is banned or to come by HTTPS, or one
 * whose connection is for other hosts.
 *
 * @returns undefined for a request that is to be routed
 */
export function earlyAnswer(
  head: RequestHead,
  request: ReceivedRequest,
  { address, ends, isSecure }: Origin,
  { challenges, bans }: EarlyAnswers,
): OwnResponse | Failure | undefined {
  const challenge = challenges.size > 0 ? challengeAnswer(head, request, challenges) : undefined
  if (challenge !== undefined) return challenge
  if (bans.size > 0 && bans.find(address) !== undefined) return new Failure('banned')
  if (ends.redirectTo > 0 && !isSecure) return redirectToHttps(head, request, ends.redirectTo)
  return ends.tls === undefined || isFor(ends.tls, head) ? undefined : new Failure('misdirected')
}

function challengeAnswer(
  head: RequestHead,
  request: ReceivedRequest,
  challenges: ReadonlyMap<string, string>,
): OwnResponse | undefined {
  const path = pathOf(head) ?? ''
  const answer = path.startsWith(CHALLENGE_PATH) ? challenges.get(path.slice(CHALLENGE_PATH.length)) : undefined
  return answer === undefined
    ? undefined
    : ownResponse(200, ['Content-Type: application/octet-stream'], Buffer.from(answer), request)
}

function redirectToHttps(head: RequestHead, request: ReceivedRequest, port: number): OwnResponse | Failure {
  const host = authorityOf(head).replace(/:\d*$/, '')
  if (host === '') return new Failure('bad-request', 'it names no host')
  const target = head.bytes.toString('latin1', head.pathStart, head.targetEnd)
  const path = target.startsWith('/') ? target : `/${target === '*' ? '' : target}`
  const isSafe = request.method === 'GET' || request.method === 'HEAD'
  return redirect(isSafe ? 301 : 308, `https://${host}${port === 443 ? '' : `:${port}`}${path}`, request)
}

/** Whether the request is for a host that its connection may serve. */
function isFor(tls: TlsFacts, head: RequestHead): boolean {
  const authority = authorityOf(head)
  return authority === tls.serverName || tls.covers(normaliseHost(authority))
}
