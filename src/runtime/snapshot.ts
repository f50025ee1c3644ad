import type { AccessLogField } from './access-log-field.ts'
import type { AddressRange } from './address-range.ts'
import type { KeySet, PasswordFile } from './credentials.ts'
import type { FilterSettings } from './filter-settings.ts'
import type { Health } from './health-settings.ts'
import type { NamedPart, SegmentParameter } from './named-part.ts'
import type { PageFile } from './page-file.ts'
import type { Certificate, ListenerTls, UpstreamTls } from './tls-settings.ts'

/**
 * The Snapshot: everything a worker needs to serve, as plain immutable data. The control plane builds it and posts it to every
 * worker; when the configuration changes, it posts the difference to the next one (snapshot-patch.ts). Times are in milliseconds,
 * sizes in bytes, and a limit of 0 means none.
 */
export interface Snapshot {
  /** Increases by one with each Snapshot of a run. */
  readonly generation: number
  readonly listeners: readonly Listener[]
  readonly routes: readonly Route[]
  readonly upstreams: readonly Upstream[]
  readonly accessLog: AccessLog
  /** Absent: traces are not followed. */
  readonly tracing?: Tracing
  readonly timeouts: ClientTimeouts
  readonly limits: Limits
  /** The proxies whose statements about the client are trusted; empty for none. */
  readonly trustedProxies: readonly TrustedProxy[]
  readonly clientAddressFrom: ClientAddressSource
  /** The certificates of listeners. Absent: there are none. */
  readonly certificates?: readonly Certificate[]
  /** The 48 bytes with which TLS session tickets are encrypted (RFC 5077 §4). Absent where no listener has TLS. */
  readonly ticketKey?: Uint8Array
  /** Of filters; each once. Absent: none. */
  readonly passwordFiles?: readonly PasswordFile[]
  readonly keySets?: readonly KeySet[]
  readonly pages?: readonly PageFile[]
  /** The files that switch filters and are there. */
  readonly switches?: readonly string[]
  /**
   * The cookie of browsers that have signed in to the dashboard. Cookies do not tell ports apart: on the same host, clients
   * may send it to the servers, too. Absent: the admin API has no port.
   */
  readonly dashboardCookie?: string
}

/** Where clients connect. */
export type Listener = ListeningPlace & ListenerSettings

/** A port, or a Unix socket. */
export type ListeningPlace = PortPlace | SocketPlace

export type PortListener = PortPlace & ListenerSettings

export type SocketListener = SocketPlace & ListenerSettings

interface ListenerSettings {
  /** By which routes know it. Absent: none requires it. */
  readonly name?: string
  /** Whether each connection begins with a PROXY header, of version 1 or 2, that names the client. */
  readonly proxyProtocol: boolean
  /** Absent: connections are not encrypted. */
  readonly tls?: ListenerTls
  /** Whether clients may begin to speak HTTP/2 at once, without TLS (RFC 9113 §3.3). */
  readonly h2c?: true
  /** Every request is redirected to the same host and path by HTTPS, at that port. */
  readonly redirectTo?: { readonly port: number }
}

export interface PortPlace {
  readonly address: string
  /** 0 asks the system for a free port. */
  readonly port: number
}

interface SocketPlace {
  readonly path: string
  /** The permissions of the socket's file. */
  readonly mode: number
}

/** The proxies at those addresses, or all that connect through a Unix socket. */
export type TrustedProxy = AddressRange | 'unix:'

/** The request header in which trusted proxies name the client. */
export type ClientAddressSource = 'x-forwarded-for' | 'forwarded'

/** Versions of the PROXY protocol: 1 is a line of text, 2 is binary. */
export type ProxyProtocolVersion = 'v1' | 'v2'

/** The conditions of a request, and the upstream that serves it. Absent conditions match everything. Texts are bytes, one character each. */
export interface Route {
  /**
   * Lower case, without a port: `www.example.org`, `*.example.org` for every name below it, `www.example.*` for every name that it
   * begins, or `~ ` and a regular expression.
   */
  readonly host?: string
  /**
   * `/exactly/this`, `/this/*` for everything below `/this/`, or `/this*` for everything that begins like that; a segment `:name` is any
   * that is not empty. Or `~ ` and a regular expression. Matched on the normalised path.
   */
  readonly path: string
  readonly methods?: readonly string[]
  /** Lower-case name to the exact value. */
  readonly headers?: Readonly<Record<string, string>>
  /** The name of a parameter to its unescaped value, or true for any. */
  readonly query?: RequiredValues
  /** The name of a cookie to its value, or true for any. */
  readonly cookies?: RequiredValues
  /** The names of listeners. */
  readonly listeners?: readonly string[]
  /** Whether the client has shown a valid certificate, or what that says. */
  readonly clientCertificate?: boolean | Readonly<Partial<Record<CertificateField, string>>>
  /** Of routes that match, those of the highest priority come first, whatever they require. Absent: 0. */
  readonly priority?: number
  /** If set, requests are redirected to this path, percent-encoded, instead of being served. Parameters stand in it as in the path. */
  readonly redirect?: string
  /** What it does to requests and responses, in order. Absent: it passes them on. */
  readonly filters?: readonly FilterSettings[]
  /** How its requests are logged. Absent: as all others. */
  readonly log?: RouteLog
  /** Index into `Snapshot.upstreams`; -1 for a route whose filters answer every request. */
  readonly upstream: number
  /** The largest body of a request, in bytes; 0 is no limit. Absent: as `Limits` says. */
  readonly bodyLimit?: number
  /** What takes the place of the upstream's. */
  readonly timeouts?: Partial<UpstreamTimeouts>
  readonly retries?: Partial<Retries>
  /** Where it is counted (tallies.ts). Absent: with all others that have no slot. */
  readonly slot?: number
}

export type RequiredValues = Readonly<Record<string, string | true>>

/** What a route may require of a client's certificate. */
export type CertificateField = 'subject' | 'issuer' | 'serial' | 'fingerprint'

/**
 * What servers speak: HTTP/2 by TLS (`h2`), without TLS (`h2c`), or what the server prefers of HTTP/2 and HTTP/1.1 (`auto`), which
 * is known only with TLS.
 */
export type ServerProtocol = 'h2' | 'h2c' | 'auto'

/** A named group of servers, and how requests are assigned to them. */
export interface Upstream {
  readonly name: string
  /** Its slot on the Scoreboard. */
  readonly slot: number
  readonly balance: Balance
  /** Absent: only the policy decides. */
  readonly affinity?: Affinity
  /** Absent if the policy and the affinity do not hash addresses. */
  readonly skew?: SkewLimit
  /** Absent: sessions stay where they are. */
  readonly rebalance?: Rebalance
  readonly servers: readonly Server[]
  readonly timeouts: UpstreamTimeouts
  readonly retries: Retries
  readonly keepAlive: KeepAlive
  /** What its servers speak. Absent: HTTP/1.1. */
  readonly protocol?: ServerProtocol
  /** Absent: connections to servers are not encrypted. */
  readonly tls?: UpstreamTls
  /** Absent: only `maxFails` applies. */
  readonly health?: Health
  /** The version of the PROXY header that is sent at the start of each connection to a server. Absent: none is sent. */
  readonly proxyProtocol?: ProxyProtocolVersion
  readonly queue: Queue
  /** Whether servers may end sessions and ask to be drained by headers in their responses (docs/session-ends.md). */
  readonly controlHeaders?: true
  /** Set by the operator: until that time of day (ms since 1970), its requests wait in the queue. */
  readonly pause?: { readonly until: number }
}

/** How sessions move to servers that have fewer, as described in docs/rebalance.md. */
export interface Rebalance {
  /** The share of the live sessions that may move in an hour; 1 is all of them. */
  readonly perHour: number
  /** A session moves only if it has been unseen for so long, in s. */
  readonly unseenFor: number
}

/** How large a share of the requests one address or network may send before the operator is warned. */
export interface SkewLimit {
  /** From 0 to 1. Absent: the fair share of the server that they go to. */
  readonly share?: number
  /** With fewer requests within a minute, no warning is given. */
  readonly minRequests: number
}

/** The balancing policy and its settings, as described in docs/balancing.md. */
export type Balance =
  | { readonly type: 'round-robin' }
  | { readonly type: 'ip-hash' }
  | { readonly type: 'hash'; readonly key: HashKey }
  | {
      readonly type: 'consistent-hash'
      readonly key: HashKey
      /** The most requests that a server may have in flight, as a multiple of the mean. Absent: any number. */
      readonly boundedLoad?: number
    }
  | { readonly type: 'least-connections' }
  | { readonly type: 'random-two' }
  | {
      readonly type: 'least-time'
      /** The time constant with which the weight of a measured time decays. */
      readonly decay: number
    }

/** How sessions are tied to servers, as described in docs/sessions.md. */
export type Affinity = AffinityKind & {
  /** A session ends after this time without a request. */
  readonly idle: number
  /** What happens to a session whose server cannot serve it. */
  readonly onLost: 'move' | 'refuse'
  /** Whether a session that is on a backup moves once another server may serve. Absent: it stays. */
  readonly onBackup?: 'stay' | 'return'
  /**
   * For how long after a new user's first request others from the same address and browser without a session go to the same
   * server. Absent, or 0: they go by `balance`.
   */
  readonly newUserWindow?: number
}

type AffinityKind =
  | {
      /** A cookie that Limpet issues. */
      readonly type: 'cookie'
      readonly name: string
      /** An older name that is still read. */
      readonly formerName?: string
      /** The upstream whose cookie it is, and for which it is signed. Absent: its own. */
      readonly of?: string
      /** The upstreams that have this cookie besides this one. Absent: none. */
      readonly sharedWith?: readonly string[]
      /** The first one signs cookies; all are accepted. */
      readonly secrets: readonly string[]
      /** The maximum age of a session. */
      readonly maxAge: number
      readonly path: string
      readonly domain?: string
      readonly httpOnly: boolean
      readonly sameSite: 'Lax' | 'Strict' | 'None'
      /** `auto`: if the client uses HTTPS. */
      readonly secure: 'auto' | 'always' | 'never'
      /** Whether browsers keep a separate cookie for each site that embeds this one (CHIPS). */
      readonly partitioned: boolean
      /** Whether browsers keep the cookie for `maxAge`, which is then not 0, or only until they are closed. */
      readonly persistent: boolean
    }
  | {
      /** The application's own session id, seen in its responses. */
      readonly type: 'learn'
      /** Where the id is found, in the order in which requests are searched. */
      readonly from: readonly SessionSource[]
      /** Whether an unknown id in a request is learnt if the response accepts it and sets no other. */
      readonly adopt: boolean
      /**
       * The key under which ids in the table are hashed, so that a client cannot choose an id that collides with
       * another's.
       */
      readonly secret: string
      /**
       * The path at which a server that drains is asked whether a session is alive; workers keep the ids for that. Absent:
       * nobody asks.
       */
      readonly ask?: string
    }
  | {
      /** The id of a server, which the application has put into its session ids. */
      readonly type: 'server-id'
      /** Where the session ids are, in the order in which requests are searched. */
      readonly from: readonly (NamedPart | SegmentParameter)[]
      /** Whether the server's id is at the start of a session's id or at its end. */
      readonly position: 'prefix' | 'suffix'
      /** What stands between the two. */
      readonly separator: string
    }
  | { readonly type: 'ip-hash' }
  | {
      readonly type: 'consistent-hash'
      readonly key: HashKey
      /** The affinity's type in the configuration file, if that has its own type for such a key. */
      readonly writtenAs?: 'header' | 'query' | 'path'
    }

/** A place in requests and responses where the application puts its session id. */
export type SessionSource = { readonly from: 'socket.io' } | NamedPart

/** The part of a request that a hash policy ties to a server. */
export type HashKey =
  | { readonly from: 'address' | 'uri' | 'path' }
  | {
      /** The path segment at the position of `:`. `*` matches any segment; all others must be equal. */
      readonly from: 'segment'
      readonly pattern: readonly string[]
    }
  /** Of a token that a filter of the route has verified. */
  | { readonly from: 'claim'; readonly name: string }
  | NamedPart

/**
 * The address of a server, as node:net takes it: a host (a name in lower case, IPv4, or IPv6 without brackets) and a
 * port from 1 to 65535; or the absolute path of a Unix socket.
 */
export type Endpoint =
  | {
      readonly host: string
      readonly port: number
      /**
       * Of a host that is a name: its addresses, tried in this order. Empty: it has not been found yet. Absent: it is looked up
       * when a connection is opened.
       */
      readonly addresses?: readonly string[]
    }
  | { readonly path: string }

export type OwnSessions = 'keep' | 'move' | 'refuse'

/** One backend. */
export interface Server {
  /** Its identity in sessions, on rings and on the Scoreboard: stays the same when its name or its address changes. */
  readonly id: string
  /** What logs and the admin API call it; unique in its upstream. */
  readonly name: string
  /** The address as it appears in logs: `172.17.0.2:80`, `[::1]:80`, `unix:/run/app.sock`. */
  readonly address: string
  readonly endpoint: Endpoint
  /** Its slot on the Scoreboard. */
  readonly slot: number
  readonly weight: number
  /** Serves only if no other server may. */
  readonly backup: boolean
  /** Disabled by the operator. */
  readonly down: boolean
  /** Expected back: gets no requests and no checks, keeps its place and its sessions. */
  readonly away?: true
  /** Where it fails, it is expected back: its source then says that it is away, or gone. Failures alone move no session. */
  readonly returns?: true
  /** It has been told to stop, and is expected back: it drains, and may refuse connections at any moment. */
  readonly ending?: true
  /** Another one is another process, even at the same address. Absent: only its address and its absences show that. */
  readonly incarnation?: string
  /** Gets no new sessions. */
  readonly drain: boolean
  /**
   * What happens to the sessions that it has while it drains: it serves them (`keep`), they move to other servers, or they are
   * refused and end. Exchanges in flight finish either way.
   */
  readonly ownSessions: OwnSessions
  /**
   * So many failures within `failTimeout` suspend the server for `failTimeout`; 0 never suspends it (nginx's
   * `max_fails`).
   */
  readonly maxFails: number
  readonly failTimeout: number
  /** The most requests in flight, of all workers together. */
  readonly maxConnections: number
  /** How long the weight takes to grow to its full value after the server was out. */
  readonly slowStart: number
}

export interface AccessLog {
  readonly format: 'combined' | 'vhost' | 'json' | 'off'
  /** Names of the URL parameters whose values are not logged. */
  readonly redact: readonly string[]
  /** Those of JSON, in their order. Absent: the standard ones. */
  readonly fields?: readonly AccessLogField[]
}

/** What a route says of the log of its requests. */
export interface RouteLog {
  /** The share of its requests that is logged, from 0 to 1. */
  readonly share: number
  /** Fields of JSON besides those of all requests, and those that are left out. */
  readonly add: readonly AccessLogField[]
  readonly remove: readonly AccessLogField[]
  /** Lower-case names of headers of the request that JSON has. */
  readonly headers: readonly string[]
  /** Names of the URL parameters whose values are not logged, besides those of all requests. */
  readonly redact: readonly string[]
  /** Lower-case names of headers whose values are not logged. */
  readonly redactHeaders: readonly string[]
}

/** How traces are followed (W3C Trace Context), as described in docs/tracing.md. */
export interface Tracing {
  /** Which share of the traces that begin here is recorded, from 0 to 1. */
  readonly sample: number
  /** Whether the trace that a client names is continued. */
  readonly trust: boolean
}

/** The timeouts of a client. */
export interface ClientTimeouts {
  /** From the first byte of a request (or the connection's start) to the end of its head. */
  readonly head: number
  /** The longest silence within a request's body. */
  readonly body: number
  /** The longest wait for the next request on an idle connection. */
  readonly idle: number
  /** The longest time in which a client reads nothing of a response. */
  readonly send: number
  /** From the end of the client's sending side, after a complete request, to the end of the response. */
  readonly halfClosed: number
  /** How long exchanges in flight may continue once the program is asked to stop. */
  readonly stop: number
  /** How long connections may continue in a process or worker that another has replaced. */
  readonly upgrade: number
}

/** The timeouts of a server. */
export interface UpstreamTimeouts {
  readonly connect: number
  /** From the end of the request to the first byte of the response. */
  readonly firstByte: number
  /** The longest silence within a message. */
  readonly idle: number
  /** The longest silence of both sides after they have switched protocols. */
  readonly tunnel: number
}

export interface Retries {
  /** How many servers one request may be sent to, including the first. */
  readonly tries: number
  /** No further attempt starts once a request is this old. */
  readonly within: number
}

/** The queue for requests while all servers that could serve them are full. */
export interface Queue {
  /** How many requests may wait, of all workers together; 0: none. */
  readonly size: number
  /** How long a request may wait. */
  readonly timeout: number
}

/** The idle connections that a worker keeps to each server. */
export interface KeepAlive {
  readonly connections: number
  readonly idle: number
  /** The number of requests after which a connection is closed. */
  readonly requestsPerConnection: number
  /** The maximum age at which a connection is still reused. */
  readonly maxAge: number
}

export interface Limits {
  /** A request's head: its line and its headers together. */
  readonly headSize: number
  readonly headers: number
  readonly bodySize: number
  readonly connections: number
  readonly connectionsPerAddress: number
  readonly requestsPerConnection: number
}
