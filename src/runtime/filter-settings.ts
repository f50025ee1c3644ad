import type { AddressRange } from './address-range.ts'
import type { Cohort } from './cohort.ts'
import type { PasswordFile } from './credentials.ts'
import type { NamedPart } from './named-part.ts'

/** What the filters of a route are set to, as it travels in the Snapshot: one kind for each, by `type`. */
export type FilterSettings =
  | AddressSettings
  | AnswersSettings
  | BasicAuthSettings
  | BufferRequestSettings
  | BufferResponseSettings
  | CompressSettings
  | ConcurrencyLimitSettings
  | CorsSettings
  | ErrorPagesSettings
  | ForwardAuthSettings
  | HeadersSettings
  | HostSettings
  | JwtSettings
  | MaintenancePageSettings
  | MirrorSettings
  | PathSettings
  | RateLimitSettings
  | RedirectSettings
  | RespondSettings
  | SplitSettings
  | TryNextSettings

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

/** What a filter answers with: bytes, or a file of which the Snapshot has the bytes. */
export type PageBody = Uint8Array | { readonly file: string }

/** A page of the operator's own. */
export interface PageSettings {
  readonly contentType: string
  readonly body: PageBody
}

/** Answers every request. */
export interface RespondSettings {
  readonly type: 'respond'
  readonly status: number
  readonly headers: readonly HeaderTemplate[]
  readonly body: PageBody
}

/** Redirects requests. */
export interface RedirectSettings {
  readonly type: 'redirect'
  readonly status: 301 | 302 | 303 | 307 | 308
  /** With a pattern, `$1` in its texts is the first group. */
  readonly location: Template
  /** A regular expression (LinearPattern); what it matches of a request's address becomes `location`. Absent: all of it does. */
  readonly pattern?: string
}

/** Changes the heads of requests and of responses. */
export interface HeadersSettings {
  readonly type: 'headers'
  /** What it is called where that is not its type: a preset of headers. */
  readonly name?: 'securityHeaders'
  readonly request: HeadChanges
  readonly response: HeadChanges
}

/** In this order. */
export interface HeadChanges {
  /** Names. Absent: none. */
  readonly remove?: readonly string[]
  readonly set: readonly HeaderTemplate[]
  readonly add: readonly HeaderTemplate[]
  /** Set where there is none of that name. */
  readonly default: readonly HeaderTemplate[]
}

/** Changes the path that the server gets, in one of these ways. */
export interface PathSettings {
  readonly type: 'path'
  /** Prefixes of whole segments, such as `/app`, of which the first is taken away that there is. One character a byte, as the next one. */
  readonly strip?: readonly string[]
  /** A prefix that is put before the path. */
  readonly add?: string
  /** Another path. */
  readonly set?: Template
  /** A regular expression (LinearPattern); what it matches becomes `to`, in which `$1` is its first group. */
  readonly pattern?: string
  readonly to?: string
}

/** Sets the Host that the server gets. */
export interface HostSettings {
  readonly type: 'host'
  /** Absent: the server's own address. */
  readonly host?: string
}

/** Rewrites what answers of servers say of addresses: each is a list of beginnings, and what takes their place. */
export interface AnswersSettings {
  readonly type: 'answers'
  readonly location: readonly (readonly [from: string, to: string])[]
  readonly cookiePath: readonly (readonly [from: string, to: string])[]
  /** Whole domains in lower case; an empty one is left out. */
  readonly cookieDomain: readonly (readonly [from: string, to: string])[]
}

/** Pages in the place of errors. */
export interface ErrorPagesSettings {
  readonly type: 'errorPages'
  /** The first one counts whose range the status is in. */
  readonly pages: readonly (PageSettings & { readonly from: number; readonly to: number })[]
}

/** Answers everybody but some while there is maintenance. */
export interface MaintenancePageSettings {
  readonly type: 'maintenancePage'
  /** The file that must be there. Absent: always. */
  readonly switch?: string
  readonly except: AddressSet
  /** What requests show that are let through. */
  readonly bypass: readonly Bypass[]
  /** In s. */
  readonly retryAfter: number
  /** Absent: one of Limpet's own. */
  readonly page?: PageSettings
}

/** A header or a cookie whose value is the secret. */
export interface Bypass {
  readonly from: 'header' | 'cookie'
  /** Of a header: in lower case. */
  readonly name: string
  readonly secret: string
}

/** Asks another server where one answers with these statuses. */
export interface TryNextSettings {
  readonly type: 'tryNext'
  readonly statuses: readonly number[]
}

/** Which pages of other origins may read answers. */
export interface CorsSettings {
  readonly type: 'cors'
  readonly origins: 'any' | readonly string[]
  readonly methods: readonly string[]
  /** `any`: those that the page asks for. */
  readonly headers: 'any' | readonly string[]
  readonly expose: readonly string[]
  readonly credentials: boolean
  /** How long browsers may remember the answer to a preflight, in ms. */
  readonly maxAge: number
}

/** Lets users with a password through. */
export interface BasicAuthSettings {
  readonly type: 'basicAuth'
  /** The name of a password file of the Snapshot, or the users themselves. */
  readonly users: string | PasswordFile
  readonly realm: string
  /** Whether the server gets the user and the password. */
  readonly forward: boolean
  /** The header in which the server gets the user's name. Absent: none. */
  readonly userHeader?: string
}

/** Lets requests with a valid token through. */
export interface JwtSettings {
  readonly type: 'jwt'
  /** The name of a key set of the Snapshot. */
  readonly keys: string
  /** Whether it is fetched, so that there may be a newer one. */
  readonly areKeysFetched: boolean
  readonly algorithms: readonly string[]
  /** Empty for any. */
  readonly issuers: readonly string[]
  /** Empty for any. */
  readonly audiences: readonly string[]
  /** By how much clocks may differ, in ms. */
  readonly clockSkew: number
  /** The claims that a token must have, and of what values one; no values for any. */
  readonly require: readonly { readonly claim: string; readonly values: readonly (string | number | boolean)[] }[]
  /** Where tokens are, in the order in which requests are searched. */
  readonly from: readonly TokenPlace[]
  /** The headers in which the server gets claims. */
  readonly headers: readonly { readonly name: string; readonly claim: string }[]
  readonly realm: string
  /** Whether the server gets the token. */
  readonly forward: boolean
}

/** Where a request has its token: `Authorization: Bearer …`, or a cookie or query parameter of that name. */
export type TokenPlace = { readonly from: 'bearer' } | { readonly from: 'cookie' | 'query'; readonly name: string }

/** Asks an HTTP service whether a request may pass. */
export interface ForwardAuthSettings {
  readonly type: 'forwardAuth'
  readonly url: string
  /** The headers of the request that the service gets, in lower case. Absent: all. */
  readonly headers?: readonly string[]
  /** The headers of its answer that the server gets in place of the client's own. Absent: none. */
  readonly copy?: readonly string[]
  /** How long an answer may take, in ms. */
  readonly timeout: number
  readonly cache?: {
    /** What an answer depends on. */
    readonly by: Template
    /** For how long it holds, in ms. */
    readonly for: number
  }
}

/** What a split divides, where it is not by a cookie of its own: whatever has the same value there. */
export type SplitKey =
  | { readonly from: 'client.address' }
  | { readonly from: 'user' }
  | { readonly from: 'header' | 'cookie' | 'query' | 'claim'; readonly name: string }

/** Sends a share of users, or of requests, to other upstreams. */
export interface SplitSettings {
  readonly type: 'split'
  readonly cohorts: readonly Cohort[]
  /** The name of the route's own upstream. */
  readonly own: string
  readonly by: 'cookie' | 'request' | SplitKey
  /** The name of the cookie that holds a user's point. */
  readonly cookie: string
  /** What keys are hashed with, the same wherever that upstream is split. */
  readonly hashKey: Uint8Array
  /** Where a request may name an upstream. */
  readonly override: readonly NamedPart[]
  readonly onlyNew: boolean
}

/** Copies requests to another upstream. */
export interface MirrorSettings {
  readonly type: 'mirror'
  /** Where it stands, in words that stay the same while others change: what its copies in flight are counted by. */
  readonly place: string
  /** Index of the upstream in the Snapshot; -1 for none. */
  readonly upstream: number
  /** How many of `POINTS` requests are copied. */
  readonly share: number
  readonly maxInFlight: number
  /** The longest body that is copied, in bytes. */
  readonly body: number
  /** How long a copy may take, in ms. */
  readonly timeout: number
}

/** How bodies may be compressed. */
export type Coding = 'zstd' | 'br' | 'gzip'

/** Compresses bodies for clients that accept it. */
export interface CompressSettings {
  readonly type: 'compress'
  /** In the order in which they are preferred. */
  readonly codings: readonly Coding[]
  /** Media types in lower case: `text/html`, or `text/*` for all of a kind. */
  readonly types: readonly string[]
  /** Bodies that are known to be shorter are not worth it, in bytes. */
  readonly from: number
  /** From 1, the fastest, to 9, the smallest. */
  readonly level: number
}

/** Reads the whole body of each request first, in bytes. */
export interface BufferRequestSettings {
  readonly type: 'bufferRequest'
  readonly memory: number
  /** What does not fit in memory. A body that exceeds both is refused. */
  readonly disk: number
}

/** Takes answers from servers as fast as these send, in bytes for each answer. */
export interface BufferResponseSettings {
  readonly type: 'bufferResponse'
  readonly memory: number
  /** What does not fit in memory. 0: the server waits then. */
  readonly disk: number
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
