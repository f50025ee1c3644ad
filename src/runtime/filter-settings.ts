/** What the filters of a route are set to, as it travels in the Snapshot: one kind for each, by `type`. */
export type FilterSettings =
  | AnswersSettings
  | BufferResponseSettings
  | CompressSettings
  | CorsSettings
  | ErrorPagesSettings
  | HeadersSettings
  | HostSettings
  | PathSettings
  | RedirectSettings
  | RespondSettings
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
  /** Set where there is none of that name. */
  readonly default: readonly HeaderTemplate[]
}

/** Changes the path that the server gets, in one of these ways. */
export interface PathSettings {
  readonly type: 'path'
  /** A prefix of whole segments that is taken away: `/app`. One character a byte, as the next one. */
  readonly strip?: string
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
  readonly pages: readonly {
    readonly from: number
    readonly to: number
    readonly contentType: string
    readonly body: Uint8Array
  }[]
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

/** Takes answers from servers as fast as these send, in bytes for each answer. */
export interface BufferResponseSettings {
  readonly type: 'bufferResponse'
  readonly memory: number
  /** What does not fit in memory. 0: the server waits then. */
  readonly disk: number
}
