import type { Session } from '../affinity/affinity.ts'
import type { ServerState } from '../balancing/server-state.ts'
import { earlyAnswer } from '../exchange/early-answer.ts'
import { Failure, failureOf } from '../exchange/failure.ts'
import { Placement } from '../exchange/placement.ts'
import { authorityOf, pathOf, queryOf, ReceivedRequest } from '../exchange/received-request.ts'
import { RequestView } from '../exchange/request-view.ts'
import { Wait } from '../exchange/ticket.ts'
import type { UpstreamGroup } from '../exchange/upstream-group.ts'
import { RequestHead } from '../http1/request-head.ts'
import { expressionIn } from '../routing/expression.ts'
import { redirectOf } from '../routing/folder.ts'
import { normaliseHost } from '../routing/host.ts'
import { hasParameters } from '../routing/path-form.ts'
import { Router } from '../routing/router.ts'
import { affinityName } from '../runtime/affinity-name.ts'
import { type Ban, BanList } from '../runtime/ban-list.ts'
import { now as clock, wallSeconds } from '../runtime/clock.ts'
import { type IpAddress, parseIpAddress, UNKNOWN_ADDRESS } from '../runtime/ip-address.ts'
import { ReadOnlySessions } from '../runtime/read-only-sessions.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { Listener, Route, Snapshot, Upstream } from '../runtime/snapshot.ts'
import type { Candidate, ExplainedRoute, ExplainedSession, Explanation, Query } from './answers.ts'
import { arrivalOf, nameOf } from './arrival.ts'
import { closestRoutes, conditionsOf } from './closest-routes.ts'
import { Rehearsal } from './rehearsal.ts'
import { requestBytes } from './request-bytes.ts'
import { runnerUp } from './runner-up.ts'
import { inWords, sessionInWords } from './words.ts'

/** What a request meets: a running Limpet, or a configuration that is not in use. */
export interface Scene {
  readonly snapshot: Snapshot
  readonly scoreboard: Scoreboard
  readonly sessions: SessionTable
  /** Absent: nobody is banned. */
  readonly bans?: BanList
}

/** A request as a client has sent it. */
export interface Received {
  /** As it is shown if it is refused. */
  readonly asked: Explanation['request']
  readonly head: Buffer
  readonly address: IpAddress
  /** Whether the client uses HTTPS. */
  readonly isSecure: boolean
  /** Where it arrived. Absent: what listeners answer themselves is not considered. */
  readonly listener?: Listener
  readonly certificate?: RequestView['certificate']
  /** Its path and query as they may be shown. Absent: nothing in them is secret. */
  readonly shownAs?: { readonly path: string; readonly query: string }
}

const REDIRECT = 301

/**
 * What Limpet would do with a request now, and why. Changes nothing and counts nothing.
 *
 * @throws RangeError if `ip` is no address, or `listener` is none
 */
export function explain(scene: Scene, asked: Query): Explanation {
  const { query, listener } = arrivalOf(scene.snapshot, asked)
  const explanation = explainQuery(scene, query, listener)
  return listener === undefined ? explanation : { ...explanation, listener: nameOf(listener) }
}

function explainQuery(scene: Scene, query: Query, listener: Listener | undefined): Explanation {
  const { method = 'GET', host = '', path, ip = '127.0.0.1', secure: isSecure = false } = query
  const address = parseIpAddress(ip)
  if (address === undefined) throw new RangeError(`expected an IPv4 or IPv6 address as ip, found ${JSON.stringify(ip)}`)
  const asked = { method, host, path, ip }
  let head: Buffer
  try {
    head = requestBytes(query)
  } catch (error) {
    return unrouted(asked, failureOf(error), [])
  }
  return explainReceived(scene, { asked, head, address, isSecure, ...(listener !== undefined && { listener }) })
}

/** The same of a request that a client has sent. */
export function explainReceived(
  { snapshot, scoreboard, sessions, bans = NO_BANS }: Scene,
  received: Received,
): Explanation {
  const view = viewOf(snapshot, received)
  if (view instanceof Failure) return unrouted(received.asked, view, [])
  const { head, path } = view
  const host = normaliseHost(authorityOf(head))
  const shown = received.shownAs ?? { path, query: queryOf(head) }
  const request = { method: view.method, host, path: shown.path, ip: view.address.text }
  const ban = bans.find(view.address)
  if (ban !== undefined) return { ...NOTHING, request, ...refusalBy(ban, view.address) }
  const early = received.listener && answerOfListener(head, received.listener, received.isSecure)
  if (early !== undefined) return { ...NOTHING, request, ...early }
  const route = new Router(snapshot.routes).find(host, path, view)
  if (route === undefined) {
    const closest = closestRoutes(snapshot.routes, host, path, view)
    return unrouted(request, new Failure('no-route'), closest)
  }
  const before = runnerUp(snapshot.routes, route, host, path, view)
  const explained = { ...explainedRoute(route, host, shown.path), ...(before !== undefined && { before }) }
  const found = { ...NOTHING, request, route: explained }
  const folder = redirectOf(route, shown.path)
  if (folder !== undefined) return { ...found, summary: `redirects to ${folder}${shown.query}`, status: REDIRECT }
  const upstream = snapshot.upstreams[route.upstream]
  if (upstream === undefined) return { ...found, summary: 'answered by the filters of its route' }
  const known = new ReadOnlySessions(sessions)
  known.apply(snapshot.upstreams)
  const rehearsal = new Rehearsal(scoreboard.copy(), known)
  try {
    return {
      ...found,
      ...explainedPlacement(rehearsal.groupOf(upstream), view, received.isSecure),
    }
  } finally {
    rehearsal.close()
  }
}

/** What a listener answers by itself, before it looks for a route. */
function answerOfListener(
  head: RequestHead,
  listener: Listener,
  isSecure: boolean,
): Pick<Explanation, 'summary' | 'status'> | undefined {
  const ends = { tls: undefined, redirectTo: listener.redirectTo?.port ?? 0 }
  const answer = earlyAnswer(
    head,
    new ReceivedRequest(head, 0, false),
    { address: UNKNOWN_ADDRESS, ends, isSecure },
    NOTHING_ASKED,
  )
  if (answer === undefined) return undefined
  const { status } = answer
  if (answer instanceof Failure)
    return { summary: `listener ${nameOf(listener)} answers ${status}: ${answer.text}`, status }
  const location = answer.lines.find((line) => line.startsWith(LOCATION))!.slice(LOCATION.length)
  return { summary: `redirected to https by listener ${nameOf(listener)}: ${location}`, status }
}

const LOCATION = 'Location: '
/** Nobody is banned. */
const NO_BANS = new BanList()
/** No authority asks, and bans were looked at before. */
const NOTHING_ASKED = { challenges: new Map<string, string>(), bans: NO_BANS }

function refusalBy({ until }: Ban, { text }: IpAddress): Pick<Explanation, 'summary' | 'status'> {
  const { status } = new Failure('banned')
  return { summary: `answers ${status}: ${text} is banned until ${new Date(until).toISOString()}`, status }
}

const NOTHING = {
  route: null,
  closest: [],
  upstream: null,
  session: null,
  candidates: [],
  server: null,
  reason: null,
  status: null,
}

function unrouted(request: Explanation['request'], failure: Failure, closest: readonly string[]): Explanation {
  const summary = [`answers ${failure.status}: ${failure.text}`, ...closest].join('; ')
  return { ...NOTHING, summary, request, closest, status: failure.status }
}

/** The request, or why Limpet would refuse it before it looks for a route. */
function viewOf(
  { limits }: Snapshot,
  { head: bytes, address, certificate, listener }: Received,
): RequestView | Failure {
  const head = new RequestHead()
  try {
    head.parse(bytes, 0, limits)
  } catch (error) {
    return failureOf(error)
  }
  const path = pathOf(head)
  if (path === undefined)
    return new Failure(
      'bad-request',
      'the path cannot be decoded, climbs above its root, or has dots before a semicolon',
    )
  const view = new RequestView(head)
  view.address = address
  view.certificate = certificate
  view.path = path
  view.listener = listener?.name ?? ''
  return view
}

function explainedRoute(route: Route, host: string, path: string): ExplainedRoute {
  const { methods = null, headers = {}, redirect = null } = route
  return {
    host: route.host ?? null,
    path: route.path,
    methods,
    headers,
    redirect,
    because: [
      route.host === undefined ? 'it is for any host' : `the host ${host} is ${route.host}`,
      pathInWords(route.path, path),
      ...conditionsOf(route).map((condition) => `the request has ${condition}`),
    ],
  }
}

function pathInWords(written: string, path: string): string {
  if (expressionIn(written) !== undefined) return `the path ${path} matches ${written}`
  if (written.endsWith('/*')) return `the path ${path} is below ${written.slice(0, -1)}`
  if (written.endsWith('*')) return `the path ${path} begins with ${written.slice(0, -1)}`
  return hasParameters(written) ? `the path ${path} is ${written}` : `the path is ${written}`
}

function explainedPlacement(group: UpstreamGroup, view: RequestView, isSecure: boolean) {
  const { settings } = group
  const time = clock()
  const session = group.affinity?.read(view, wallSeconds())
  const own = ownServer(group, session)
  const placement = Placement.of(group, view)
  // Before the choice, which claims a place.
  const last =
    session === undefined ? -1 : (session.home ?? group.sessions.find(session.high, session.low, wallSeconds()))
  const candidates = group.servers.map((server) => candidateOf(server, server.settings.slot === last, time))
  const next = placement.next(time)
  const { reason = null } = placement
  const upstream = {
    name: settings.name,
    balance: settings.balance.type,
    affinity: affinityName(settings),
    ...(settings.protocol !== undefined && { protocol: settings.protocol }),
    ...(settings.tls !== undefined && { tls: true as const }),
  }
  const shown = session && explainedSession(settings, session, own, isSecure)
  const explained = { upstream, session: shown ?? null, candidates, reason }
  if (next instanceof Wait) {
    const place = next.place === undefined ? 'any server' : `its own server, ${next.place.settings.name}`
    const awaited = group.queue.pause.isOn ? 'the end of its pause' : `a place on ${place}`
    return { ...explained, summary: `waits in the queue of upstream ${settings.name} for ${awaited}` }
  }
  if (next instanceof Failure) {
    const summary = `upstream ${settings.name} answers ${next.status}: ${reason ?? next.text}`
    return { ...explained, summary, status: next.status }
  }
  const { name } = next.settings
  const policy = session?.key === undefined ? settings.balance.type : 'a hash of its key'
  const how = next === own ? 'by its session' : `chosen by ${policy}`
  return {
    ...explained,
    server: name,
    summary: `goes to server ${name} of upstream ${settings.name}, ${how}: ${reason}`,
  }
}

/** The server on which the session is or, of a session by a key, would be if every server may serve. */
function ownServer(group: UpstreamGroup, session: Session | undefined): ServerState | undefined {
  if (session === undefined) return undefined
  if (session.home !== undefined) return group.serverIn(session.home)
  return session.key === undefined || session.standing === 'expired' || session.standing === 'removed'
    ? undefined
    : group.policyOf(session).home?.(session.key)
}

function explainedSession(
  settings: Upstream,
  session: Session,
  own: ServerState | undefined,
  isSecure: boolean,
): ExplainedSession {
  const { standing } = session
  const server = own?.settings.name ?? null
  const kind = affinityName(settings)!
  return { kind, standing, server, words: sessionInWords(settings, session, server, isSecure) }
}

function candidateOf(state: ServerState, isOwn: boolean, time: number): Candidate {
  const { name: server, address, weight, backup: isBackup } = state.settings
  const refusal = state.refusal(time, isOwn) ?? null
  const words = inWords(refusal, state.settings)
  return { server, address, weight, inFlight: state.inFlight, isBackup, refusal, words }
}
