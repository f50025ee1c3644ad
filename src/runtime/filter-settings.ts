import type { AddressRange } from './address-range.ts'

/** What the filters of a route are set to, as it travels in the Snapshot: one kind for each, by `type`. */
export type FilterSettings =
  | RespondSettings
  | RedirectSettings
  | HeadersSettings
  | RateLimitSettings
  | ConcurrencyLimitSettings
  | AddressSettings

/** What a text with variables is made of: what stands there, and what is put in its place for each request. */
export type Template = readonly (string | Variable)[]

/** A part of the request, or of what is known of it. */
export type Variable =
  | {
      readonly from:
        | 'client.address'
        | 'request.id'
        | 'request.method'
        | 'request.scheme'
        | 'request.host'
        | 'request.path'
        | 'request.query'
        | 'request.target'
        | 'server.name'
        | 'upstream.name'
        | 'auth.user'
        | 'tls.subject'
    }
  /** `route`: a parameter of the route's path. `claim`: of a verified token. */
  | { readonly from: 'header' | 'cookie' | 'query' | 'route' | 'claim'; readonly name: string }

export interface HeaderTemplate {
  readonly name: string
  readonly value: Template
}

/** Answers every request. */
export interface RespondSettings {
  readonly type: 'respond'
  readonly status: number
  readonly headers: readonly HeaderTemplate[]
  readonly body: Uint8Array
}

/** Redirects every request. */
export interface RedirectSettings {
  readonly type: 'redirect'
  readonly status: 301 | 302 | 303 | 307 | 308
  readonly location: Template
}

/** Changes the heads of requests and of responses. */
export interface HeadersSettings {
  readonly type: 'headers'
  readonly request: HeadChanges
  readonly response: HeadChanges
}

/** In this order. */
export interface HeadChanges {
  /** Names. Absent: none. */
  readonly remove?: readonly string[]
  readonly set: readonly HeaderTemplate[]
  readonly add: readonly HeaderTemplate[]
}

/** What a limit counts by. `session` is that of the upstream's affinity, `user` whom a filter has authenticated. */
export type LimitPart =
  | { readonly from: 'client.address' | 'session' }
  | { readonly from: 'user' }
  | { readonly from: 'header' | 'cookie' | 'query' | 'claim'; readonly name: string }

/** What limits that count by key have in common. */
export interface KeyedLimitSettings {
  /** Which limit it is, as long as it stands where it does: limits of one name count together. */
  readonly name: string
  /** Parts of the request, which count together; none for all requests together. */
  readonly by: readonly LimitPart[]
  /** How many bits of IPv6 addresses count. */
  readonly ipv6Prefix: number
  /** Whether requests without one of these parts are limited together. */
  readonly limitsMissing: boolean
  readonly status: number
  /** Nothing is refused. */
  readonly dryRun: boolean
}

/** Refuses requests that come too fast. */
export interface RateLimitSettings extends KeyedLimitSettings {
  readonly type: 'rateLimit'
  /** So many requests in `period`, in ms. */
  readonly requests: number
  readonly period: number
  /** How many more than one may come at once. */
  readonly burst: number
  /** What clients know it by. */
  readonly policy: string
  /** Which responses say how many more requests may come. */
  readonly headers: 'refused' | 'all' | 'none'
}

/** Refuses requests beyond so many in flight. */
export interface ConcurrencyLimitSettings extends KeyedLimitSettings {
  readonly type: 'concurrencyLimit'
  readonly limit: number
}

/** Refuses clients by their address: all but these (`allow`), or these (`deny`). */
export interface AddressSettings {
  readonly type: 'allow' | 'deny'
  readonly from: AddressSet
  /** Those of `from` that do not count. */
  readonly except: AddressSet
  readonly status: 403 | 404
}

/** Clients at these addresses. */
export interface AddressSet {
  readonly ranges: readonly AddressRange[]
  /** Also clients on Unix sockets. */
  readonly unix?: true
}
