import { earlyAnswer } from '../exchange/early-answer.ts'
import { Failure, failureOf } from '../exchange/failure.ts'
import { authorityOf, pathOf, queryOf, ReceivedRequest } from '../exchange/received-request.ts'
import { RequestView } from '../exchange/request-view.ts'
import { framingOfRequest } from '../http1/framing.ts'
import { RequestHead } from '../http1/request-head.ts'
import { expressionIn } from '../routing/expression.ts'
import { redirectOf } from '../routing/folder.ts'
import { normaliseHost } from '../routing/host.ts'
import { hasParameters } from '../routing/path-form.ts'
import { Router } from '../routing/router.ts'
import { type Ban, BanList } from '../runtime/ban-list.ts'
import { type IpAddress, parseIpAddress, UNKNOWN_ADDRESS } from '../runtime/ip-address.ts'
import { KeyedLimits } from '../runtime/keyed-limits.ts'
import { ReadOnlySessions } from '../runtime/read-only-sessions.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { Listener, Route, Snapshot } from '../runtime/snapshot.ts'
import type { ExplainedRoute, Explanation, Query } from './answers.ts'
import { arrivalOf, nameOf } from './arrival.ts'
import { closestRoutes, conditionsOf } from './closest-routes.ts'
import { explainedPlacement } from './explained-placement.ts'
import { FilterRehearsal } from './filter-rehearsal.ts'
import { Rehearsal } from './rehearsal.ts'
import { requestBytes } from './request-bytes.ts'
import { runnerUp } from './runner-up.ts'
import { answerInWords, reservations } from './words.ts'

/** What a request meets: a running Limpet, or a configuration that is not in use. */
export interface Scene {
  readonly snapshot: Snapshot
  readonly scoreboard: Scoreboard
  readonly sessions: SessionTable
  /** Absent: nobody is banned. */
  readonly bans?: BanList
  /** Absent: nobody has been counted yet. */
  readonly limits?: KeyedLimits
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
 * @throws RangeError (as a rejection) if `ip` is no address, or `listener` is none
 */
export async function explain(scene: Scene, asked: Query): Promise<Explanation> {
  const { query, listener } = arrivalOf(scene.snapshot, asked)
  const explanation = await explainQuery(scene, query, listener)
  return listener === undefined ? explanation : { ...explanation, listener: nameOf(listener) }
}

async function explainQuery(scene: Scene, query: Query, listener: Listener | undefined): Promise<Explanation> {
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
export async function explainReceived(
  { snapshot, scoreboard, sessions, bans = NO_BANS, limits = NO_LIMITS }: Scene,
  received: Received,
): Promise<Explanation> {
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
  const known = new ReadOnlySessions(sessions)
  known.apply(snapshot.upstreams)
  const rehearsal = new Rehearsal(scoreboard.copy(), known)
  try {
    const context = rehearsal.contextFor(route, snapshot, limits)
    const filters = new FilterRehearsal(context, route, view, received.isSecure)
    return { ...found, ...(await explainedWay(filters, view, received.isSecure)) }
  } finally {
    rehearsal.close()
  }
}

/** What an explanation says of a request whose route is known. */
type Way = Pick<Explanation, 'filters' | 'summary'> & Partial<Omit<Explanation, 'listener'>>

/** The way of a request through the filters of its route, and to a server if they let it go on. */
async function explainedWay(filters: FilterRehearsal, view: RequestView, isSecure: boolean): Promise<Way> {
  const verdict = await filters.verdict()
  if (verdict !== undefined) {
    const { status } = filters.answered(verdict)
    const { explained } = filters
    return { filters: explained, summary: answerInWords(verdict, explained), status }
  }
  view.filtered = filters.request
  const { group } = filters
  if (group === undefined) {
    const failure = new Failure('no-route')
    const { status } = filters.answered(failure)
    const { explained } = filters
    return { filters: explained, summary: answerInWords(failure, explained), status }
  }
  const { failure, ...placed } = explainedPlacement(group, view, isSecure)
  if (failure === undefined) filters.answeredBy(placed.server ?? '')
  else filters.answered(failure)
  const { explained } = filters
  return { ...placed, filters: explained, summary: placed.summary + reservations(explained) }
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
/** Nobody has been counted. */
const NO_LIMITS = new KeyedLimits()
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
  filters: [],
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
    framingOfRequest(head)
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
