/** What the engines of this room answer, as the admin API and `--json` give it. */
import type { Refusal } from '../balancing/server-state.ts'
import type { Reason } from '../runtime/reason.ts'
import type { ServerProtocol } from '../runtime/snapshot.ts'

// ── plan ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What another configuration would change. */
export interface Plan {
  /** One sentence for each difference of the configurations; empty if there is none. */
  readonly changes: readonly string[]
  /** Of all upstreams. */
  readonly sessions: SessionForecast
  /** The upstreams that have sessions now, in the order of the current configuration. */
  readonly upstreams: readonly UpstreamPlan[]
  /** Users whom a split sends to another upstream than before. */
  readonly splits: readonly SplitMove[]
}

/** Users of a route who go to another upstream, since its split has changed. */
export interface SplitMove {
  /** Its host and path. */
  readonly route: string
  readonly from: string
  readonly to: string
  /** So many of those who were divided to the first upstream, from 0 to 1. */
  readonly share: number
  /** About so many of the live sessions there; 0 where `only: new` keeps them. */
  readonly sessions: number
}

/** What becomes of live sessions with the next request of each. */
export interface SessionForecast {
  readonly live: number
  /** They go to the server that they are on. */
  readonly stay: number
  /** They go to another server, or are lost and begin again by the policy, wherever that is. */
  readonly move: number
  /** Their request is refused, since the upstream has `onLost: refuse`. */
  readonly refused: number
  /** No server would serve them. */
  readonly unserved: number
}

export interface UpstreamPlan {
  readonly name: string
  readonly sessions: SessionForecast
  /** Whether the numbers in `sessions` are exact. */
  readonly isExact: boolean
  /** Whether it is exact how many come to each server. Which of them do is never known under a policy that takes turns. */
  readonly areTargetsExact: boolean
  /** Why something is not exact, one sentence each. */
  readonly because: readonly string[]
  readonly servers: readonly ServerForecast[]
  readonly moves: readonly Move[]
}

/** The sessions of a server, of either configuration. */
export interface ServerForecast {
  readonly name: string
  readonly now: number
  readonly afterwards: number
}

export interface Move {
  /** The server that they are on. */
  readonly from: string
  /** Null if they are refused, or no server serves them. */
  readonly to: string | null
  readonly why: MoveCause
  readonly outcome: 'moved' | 'refused' | 'unserved'
  readonly sessions: number
}

/**
 * Why sessions do not stay:
 *
 * - a `Refusal`: the server is no longer there, or may not serve them
 * - `backup`: the server is a backup, from which they return to others
 * - `hash`: their key belongs to another server
 * - `expired`: they are over by a shorter limit
 * - `affinity-changed`: the upstream does not know them any more, by another kind of affinity, cookie, secret or key
 * - `upstream-removed`, `no-route`: nothing leads there any more
 */
export type MoveCause = Refusal | 'backup' | 'hash' | 'expired' | 'affinity-changed' | 'upstream-removed' | 'no-route'

// ── explain ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** A request to explain. */
export interface Query {
  /** The target: a path, perhaps with a query; or a URL, which also says the host, and by which listener it comes. */
  readonly path: string
  /** Default: GET. */
  readonly method?: string | undefined
  readonly host?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly cookies?: Readonly<Record<string, string>> | undefined
  /** The client's address, behind all trusted proxies. Default: 127.0.0.1. */
  readonly ip?: string | undefined
  /** Whether the client uses HTTPS. */
  readonly secure?: boolean | undefined
  /** The listener that it comes by: its address or its port. Default: that of the URL in `path`, if there is one. */
  readonly listener?: string | undefined
}

/** What Limpet would do with a request now, and why. Keys and cookies are never in it. */
export interface Explanation {
  /** One sentence. */
  readonly summary: string
  /** The request as it is matched: the host in lower case and without a port, the path normalised. */
  readonly request: { readonly method: string; readonly host: string; readonly path: string; readonly ip: string }
  /** The listener that it comes by. Absent: nothing says which. */
  readonly listener?: string
  /** Null if none matches. */
  readonly route: ExplainedRoute | null
  /** If no route matches: what those require that are closest. */
  readonly closest: readonly string[]
  /** What the filters of the route do, in order. */
  readonly filters: readonly ExplainedFilter[]
  /** That which the request goes to, as the filters decide. */
  readonly upstream: ExplainedUpstream | null
  readonly session: ExplainedSession | null
  readonly candidates: readonly Candidate[]
  /** The server that gets the request; null if none does. */
  readonly server: string | null
  /** What the access log would say; null if it would say nothing. */
  readonly reason: Reason | null
  /** The status if Limpet answers itself. */
  readonly status: number | null
}

export interface ExplainedRoute {
  readonly host: string | null
  readonly path: string
  readonly methods: readonly string[] | null
  readonly headers: Readonly<Record<string, string>>
  /** The path that the client is redirected to. */
  readonly redirect: string | null
  /** One sentence for each condition that is met. */
  readonly because: readonly string[]
  /** The route that would come next, and why this one comes first. Absent: no other matches. */
  readonly before?: string
}

/** What a filter does to a request and to its response. Neither names itself, and no value is shown that is secret. */
export interface ExplainedFilter {
  /** As in the configuration file. */
  readonly name: string
  /**
   * About the request: it goes on, or the filter answers it, so that those after it are not reached. `open`: that depends on
   * what is not known here; the rest is explained as if it went on.
   */
  readonly decision: 'goes-on' | 'answers' | 'open' | 'not-reached'
  /** What it has found, and changes in the request; a phrase each. */
  readonly request: readonly string[]
  /** What it does to the response; a phrase each. */
  readonly response: readonly string[]
}

export interface ExplainedUpstream {
  readonly name: string
  readonly balance: string
  readonly affinity: string | null
  /** What its servers speak. Absent: HTTP/1.1. */
  readonly protocol?: ServerProtocol
  /** Whether that is by TLS. Absent: it is not. */
  readonly tls?: true
}

export interface ExplainedSession {
  readonly kind: string
  readonly standing: 'new' | 'known' | 'invalid' | 'expired' | 'removed'
  /** The server that it belongs to; null for none. */
  readonly server: string | null
  readonly words: string
}

export interface Candidate {
  readonly server: string
  readonly address: string
  readonly weight: number
  readonly inFlight: number
  readonly isBackup: boolean
  /** Null if it may serve this request. */
  readonly refusal: Refusal | null
  readonly words: string
}

// ── simulate ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** What configurations make of the requests of a log. */
export interface Simulation {
  readonly lines: LogLines
  /** When the first and the last request were logged (RFC 3339); null if there was none. */
  readonly from: string | null
  readonly to: string | null
  readonly configurations: readonly SimulatedConfiguration[]
}

export interface LogLines {
  readonly read: number
  readonly replayed: number
  /** Lines that are not in the format of an access log. */
  readonly malformed: number
  /** The first of these, from 1 on; null if there was none. */
  readonly firstMalformed: number | null
  /** A field of the access log in JSON without which lines are malformed; absent if none lacks. */
  readonly leftOut?: string | undefined
  /** Lines about what Limpet would not read as a request. */
  readonly noRequests: number
}

export interface SimulatedConfiguration {
  readonly name: string
  /** What the log does not have, and what stood for it, one sentence each. */
  readonly notes: readonly string[]
  /** Requests that no route matches. */
  readonly unrouted: number
  readonly redirected: number
  readonly upstreams: readonly SimulatedUpstream[]
}

export interface SimulatedUpstream {
  readonly name: string
  readonly balance: string
  readonly affinity: string | null
  readonly requests: number
  /** Requests that had to wait for a place, and requests that no server could serve. */
  readonly waited: number
  readonly failed: number
  /** About that many. */
  readonly users: number
  /** The most requests of a server by the mean, both for its weight; null without requests. */
  readonly spread: number | null
  readonly servers: readonly SimulatedServer[]
  /** What would move users who have a server of their own; empty if none has. */
  readonly changes: readonly SimulatedChange[]
}

export interface SimulatedServer {
  readonly name: string
  readonly requests: number
  /** From 0 to 1. */
  readonly share: number
  /** The most requests within a second. */
  readonly peak: number
  readonly mostInFlight: number
  /** About that many users were last here. */
  readonly users: number
}

export interface SimulatedChange {
  readonly change: 'add' | 'drain' | 'lose'
  /** The server that is drained or lost; null for one that is added. */
  readonly server: string | null
  /** The share of the users with a server of their own whose next request would go elsewhere, from 0 to 1. */
  readonly moved: number
  /** About that many. */
  readonly users: number
}
