import type { Session } from '../affinity/affinity.ts'
import { certificateField, describesCertificate } from '../forwarding/client-certificate.ts'
import type { ClientOrigin } from '../forwarding/client-origin.ts'
import { RequestEdits } from '../forwarding/head-edits.ts'
import type { BodyForm } from '../http1/body-decoder.ts'
import { cookieAmong, cookieIn } from '../http1/cookie.ts'
import { type CookieNames, withoutCookies } from '../http1/cookie-names.ts'
import { FieldName } from '../http1/field-name.ts'
import { parameterIn } from '../http1/query.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { FilterDecision } from '../observability/exchange-record.ts'
import { normaliseHost } from '../routing/host.ts'
import { type Parameters, parametersOf } from '../routing/parameters.ts'
import type { IpAddress } from '../runtime/ip-address.ts'
import type { NamedParts } from '../runtime/named-part.ts'
import type { Route } from '../runtime/snapshot.ts'
import type { TlsFacts } from '../transport/tls-facts.ts'
import type { Downstream } from './downstream.ts'
import { authorityOf, type ReceivedRequest } from './received-request.ts'
import type { BodyStorage } from './stored-body.ts'
import type { UpstreamGroup } from './upstream-group.ts'

/** Knows requests, although other heads may have been read since. */
interface Heads {
  /** Names of Limpet's own cookies, which are not passed on. */
  readonly ownCookies: CookieNames
  headOf(request: ReceivedRequest): RequestHead
  sessionOf(request: FilteredRequest): Session | undefined
}

/** Follows a request on its way to a server, after the filters. */
export interface RequestFollower {
  /**
   * Bytes of its body, in order.
   *
   * @param form chunks only if the body came in chunks
   */
  bodyBytes(bytes: Buffer, from: number, to: number, form: BodyForm): void
  /** All of it has been written to a server; once more if it is sent to another one. */
  requestSent(): void
  /** Also where it was never sent. */
  exchangeEnded(): void
}

const NOBODY: readonly RequestFollower[] = []
const NO_DECISIONS: readonly FilterDecision[] = []

/**
 * A request on its way through the filters of its route: each sees it as those before have left it. Texts have one byte a character
 * (Latin-1), as in the request.
 */
export class FilteredRequest implements NamedParts {
  readonly edits = new RequestEdits()
  readonly route: Route
  /** The path of the request in normal form, which its route was found by. */
  readonly path: string
  readonly received: ReceivedRequest
  /** The user that a filter has authenticated. */
  user: string | undefined
  /** What a token says that a filter has verified. */
  claims: Readonly<Record<string, unknown>> | undefined
  /** Index of the upstream among the groups; -1 for none. */
  upstream: number
  /** In the order of the upstreams of the Snapshot by which it was routed, which may not be in effect any more. */
  readonly groups: readonly UpstreamGroup[]
  /** Where its body is kept until it is whole, before a server gets it; undefined: it is passed on as it comes. */
  bodyStorage: BodyStorage | undefined
  /** The server that has answered, and its upstream; undefined before. */
  serverName: string | undefined
  upstreamName: string | undefined
  decisions = NO_DECISIONS
  #followers = NOBODY
  readonly #heads: Heads
  readonly #downstream: Downstream
  #parameters: Parameters | undefined

  constructor(
    heads: Heads,
    downstream: Downstream,
    received: ReceivedRequest,
    route: Route,
    path: string,
    groups: readonly UpstreamGroup[],
  ) {
    this.#heads = heads
    this.#downstream = downstream
    this.received = received
    this.route = route
    this.path = path
    this.groups = groups
    this.upstream = route.upstream
  }

  get #head(): RequestHead {
    return this.#heads.headOf(this.received)
  }

  /** That which the request goes to; undefined for none. */
  get group(): UpstreamGroup | undefined {
    return this.groups[this.upstream]
  }

  get id(): string {
    return this.received.id
  }

  get method(): string {
    return this.received.method
  }

  /** The path and query, as the client has written them; of a target without a path (`*`, `http://host?query`), `/`. */
  get originalTarget(): string {
    const { bytes, pathStart, targetEnd } = this.received
    const target = bytes.toString('latin1', pathStart, targetEnd)
    return target.startsWith('/') ? target : `/${target === '*' ? '' : target}`
  }

  /** The path and query, as they are sent on. */
  get target(): string {
    return this.edits.target ?? this.originalTarget
  }

  /** The path alone, as it is sent on. */
  get targetPath(): string {
    const { target } = this.edits
    const { bytes, pathStart, pathEnd } = this.received
    if (target === undefined) {
      const path = bytes.toString('latin1', pathStart, pathEnd)
      return path.startsWith('/') ? path : '/'
    }
    const mark = target.indexOf('?')
    return mark < 0 ? target : target.slice(0, mark)
  }

  /** The query alone, as it is sent on, with its question mark; empty if there is none. */
  get targetQuery(): string {
    const { target } = this.edits
    const { bytes, pathEnd, targetEnd } = this.received
    if (target === undefined) return pathEnd === targetEnd ? '' : bytes.toString('latin1', pathEnd, targetEnd)
    const mark = target.indexOf('?')
    return mark < 0 ? '' : target.slice(mark)
  }

  /** The host as it is sent on, with its port if it has one; empty for none. */
  get host(): string {
    return this.edits.host ?? this.originalHost
  }

  /** The same, as the client has asked for it. */
  get originalHost(): string {
    return authorityOf(this.#head)
  }

  get origin(): ClientOrigin {
    return this.#downstream.origin
  }

  get clientAddress(): IpAddress {
    return this.#downstream.origin.address
  }

  /** Whether the client came by HTTPS. */
  get isSecure(): boolean {
    return this.#downstream.origin.isSecure
  }

  get tls(): TlsFacts | undefined {
    return this.#downstream.origin.ends.tls
  }

  /** The session that it shows to its upstream; undefined if it shows none. Read anew each time. */
  get session(): Session | undefined {
    return this.#heads.sessionOf(this)
  }

  /** A parameter of the route's path, or of its regular expression; undefined if it has none of that name. */
  parameter(name: string): string | undefined {
    this.#parameters ??= parametersOf(this.route, this.path, normaliseHost(authorityOf(this.#head)))
    return Object.hasOwn(this.#parameters, name) ? this.#parameters[name] : undefined
  }

  header(name: string): string | undefined {
    if (describesCertificate(name)) return certificateField(name, this.tls?.clientCertificate)
    const value = this.edits.valueIn(this.#head, name)
    return value === undefined || name !== 'cookie' ? value : this.#withoutOwn(value) || undefined
  }

  /** Whether the client has sent several fields of that (lower-case) name, which go on. */
  repeatsHeader(name: string): boolean {
    const head = this.#head
    const first = head.findNamed(name)
    return first >= 0 && head.findNamed(name, first + 1) >= 0 && !this.edits.removes(name)
  }

  /** The first field of that (lower-case) name as the client has sent it, whatever filters have made of it. */
  sentHeader(name: string): string | undefined {
    const head = this.#head
    const field = head.findNamed(name)
    return field < 0 ? undefined : head.value(field)
  }

  cookie(name: string, after = 0): string | undefined {
    if (!this.edits.removes('cookie')) return cookieIn(this.#head, name, after)
    return cookieAmong(this.edits.addedValues('cookie'), name, after)
  }

  /** The value of a Cookie field without the cookies that are Limpet's own. */
  #withoutOwn(value: string): string {
    const { ownCookies } = this.#heads
    return ownCookies.isEmpty ? value : withoutCookies(value, ownCookies)
  }

  /** A cookie as the client has sent it, whatever filters have made of the field. */
  sentCookie(name: string, after = 0): string | undefined {
    return cookieIn(this.#head, name, after)
  }

  query(name: string, after = 0): string | undefined {
    return parameterIn(this.target, name, after)
  }

  /** All fields as they are passed on, in order. */
  get fields(): [name: string, value: string][] {
    const head = this.#head
    const fields: [string, string][] = []
    for (let field = 0; field < head.count; field++) {
      const name = head.bytes.toString('latin1', head.nameStart(field), head.nameEnd(field))
      if (this.edits.removes(name)) continue
      const isCookie = head.names[field] === FieldName.Cookie
      const value = isCookie ? this.#withoutOwn(head.value(field)) : head.value(field)
      if (!isCookie || value !== '') fields.push([name, value])
    }
    return [...fields, ...this.edits.added]
  }

  get followers(): readonly RequestFollower[] {
    return this.#followers
  }

  /** From now on, that one is told what becomes of the request. */
  followedBy(follower: RequestFollower): void {
    this.#followers = [...this.#followers, follower]
  }

  /** Notes what a filter has decided. */
  note(filter: string, decision: string): void {
    this.decisions = [...this.decisions, { filter, decision }]
  }
}
