/** What the filters of a route are set to, as it travels in the Snapshot: one kind for each, by `type`. */
export type FilterSettings = RespondSettings | RedirectSettings | HeadersSettings

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
