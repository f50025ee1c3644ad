import type { NamedPart } from './named-part.ts'

/**
 * The Snapshot: everything a worker needs to serve, as plain immutable data. The control plane builds it and posts it to every
 * worker; when the configuration changes, it posts the difference to the next one (snapshot-patch.ts). Times are in milliseconds,
 * sizes in bytes, and a limit of 0 means none.
 */
export interface Snapshot {
  /** Rises by one with each Snapshot of a run. */
  readonly generation: number
  readonly listeners: readonly Listener[]
  readonly routes: readonly Route[]
  readonly upstreams: readonly Upstream[]
  readonly accessLog: AccessLog
  readonly timeouts: ClientTimeouts
  readonly limits: Limits
  /** Whose word on who the client is counts; empty for nobody's. */
  readonly trustedProxies: readonly TrustedProxy[]
  readonly clientAddressFrom: ClientAddressSource
}

/** Where clients arrive: at a port, or at a Unix socket. */
export type Listener = PortListener | SocketListener

interface ListenerSettings {
  /** Whether each connection begins with a PROXY header, of version 1 or 2, that says whose it is. */
  readonly proxyProtocol: boolean
}

export interface PortListener extends ListenerSettings {
  readonly address: string
  /** 0 asks the system for a free one. */
  readonly port: number
}

export interface SocketListener extends ListenerSettings {
  readonly path: string
  /** The permissions of its file. */
  readonly mode: number
}

/** The addresses whose first `prefix` bits are those of `octets` (4 or 16), which have none set beyond. */
export interface AddressRange {
  readonly octets: Uint8Array
  readonly prefix: number
}

/** The proxies at those addresses, or all that come by a Unix socket. */
export type TrustedProxy = AddressRange | 'unix:'

/** The request field in which trusted proxies say who the client is. */
export type ClientAddressSource = 'x-forwarded-for' | 'forwarded'

/** Versions of the PROXY protocol: 1 is a line of text, 2 is binary. */
export type ProxyProtocolVersion = 'v1' | 'v2'

/** What a request must look like, and the upstream that serves it. Absent conditions match everything. */
export interface Route {
  /** Lower case, without a port: `www.example.org`, or `*.example.org` for every name below it. */
  readonly host?: string
  /** `/exactly/this`, or `/this/*` for everything below `/this/`; matched on the normalised path. */
  readonly path: string
  readonly methods?: readonly string[]
  /** Lower-case name to the exact value that it must have. */
  readonly headers?: Readonly<Record<string, string>>
  /** Where requests are redirected to instead of being served: a path, percent-encoded. */
  readonly redirect?: string
  /** Index into `Snapshot.upstreams`. */
  readonly upstream: number
}

/** A named group of servers and the way a request gets to one of them. */
export interface Upstream {
  readonly name: string
  /** Its place on the Scoreboard. */
  readonly slot: number
  readonly balance: Balance
  /** Absent: requests go by the policy alone. */
  readonly affinity?: Affinity
  /** Absent where nothing is hashed by address. */
  readonly skew?: SkewLimit
  readonly servers: readonly Server[]
  readonly timeouts: UpstreamTimeouts
  readonly retries: Retries
  readonly keepAlive: KeepAlive
  /** Absent: servers are judged by `maxFails` alone. */
  readonly health?: Health
  /** The PROXY header with which each connection to its servers begins; none if left out. */
  readonly proxyProtocol?: ProxyProtocolVersion
  readonly queue: Queue
}

/** How much of the requests one address or network may carry before the operator is told. */
export interface SkewLimit {
  /** From 0 to 1. Absent: the fair share of the server that they go to. */
  readonly share?: number
  /** With fewer requests than that within a minute, nothing is said. */
  readonly minRequests: number
}

/** The balancing policy and its settings; docs/balancing.md says what each does. */
export type Balance =
  | { readonly type: 'round-robin' }
  | { readonly type: 'ip-hash' }
  | { readonly type: 'hash'; readonly key: HashKey }
  | {
      readonly type: 'consistent-hash'
      readonly key: HashKey
      /** The most that a server may have in flight, as a multiple of the mean. Absent: any number. */
      readonly boundedLoad?: number
    }
  | { readonly type: 'least-connections' }
  | { readonly type: 'random-two' }
  | {
      readonly type: 'least-time'
      /** The time constant with which an answer's time loses its weight. */
      readonly decay: number
    }

/** How sessions are tied to servers; docs/sessions.md says what each does. */
export type Affinity = AffinityKind & {
  /** After how long without a request a session is over. */
  readonly idle: number
  /** What happens to a session whose server may not serve it. */
  readonly onLost: 'move' | 'refuse'
}

type AffinityKind =
  | {
      /** A cookie that Limpet issues. */
      readonly type: 'cookie'
      readonly name: string
      /** Another name under which it is still read. */
      readonly formerName?: string
      /** Of the first its cookies are made, and all are accepted. */
      readonly secrets: readonly string[]
      /** How old a session may become. */
      readonly maxAge: number
      readonly path: string
      readonly domain?: string
      readonly httpOnly: boolean
      readonly sameSite: 'Lax' | 'Strict' | 'None'
      /** `auto`: where the client came by HTTPS. */
      readonly secure: 'auto' | 'always' | 'never'
      /** Whether browsers keep one for each site that embeds this one (CHIPS). */
      readonly partitioned: boolean
      /** Whether browsers keep it for `maxAge`, which is then not 0; else until they are closed. */
      readonly persistent: boolean
    }
  | {
      /** What the application itself knows its sessions by, seen in its answers. */
      readonly type: 'learn'
      /** Where it stands, in the order in which requests are asked for it. */
      readonly from: readonly SessionSource[]
      /** Whether an id that a request shows is learnt where the answer accepts it and tells no other. */
      readonly adopt: boolean
      /** What ids on the table are made with, so that nobody can aim at another's. */
      readonly secret: string
    }
  | { readonly type: 'ip-hash' }
  | {
      readonly type: 'consistent-hash'
      readonly key: HashKey
      /** What the operator calls it, where the file has a kind of its own for such a key. */
      readonly writtenAs?: 'header' | 'query' | 'path'
    }

/** A place where requests and answers tell a session of the application's. */
export type SessionSource = { readonly from: 'socket.io' } | NamedPart

/** The part of a request that a hash policy ties to a server. */
export type HashKey =
  | { readonly from: 'address' | 'uri' | 'path' }
  | {
      /** The segment of the path where `:` stands; `*` is any, and all others must be the same. */
      readonly from: 'segment'
      readonly pattern: readonly string[]
    }
  | NamedPart

/**
 * Where something listens, as node:net takes it: a name in lower case, IPv4, or IPv6 without brackets, and a port from 1
 * to 65535; or a Unix socket by its path from the root.
 */
export type Endpoint = { readonly host: string; readonly port: number } | { readonly path: string }

/** One backend. `name` is its identity and outlives a change of address. */
export interface Server {
  readonly name: string
  /** As it stands in logs: `172.17.0.2:80`, `[::1]:80`, `unix:/run/app.sock`. */
  readonly address: string
  readonly endpoint: Endpoint
  /** Its place on the Scoreboard. */
  readonly slot: number
  readonly weight: number
  /** Serves only when no other server may. */
  readonly backup: boolean
  /** Taken out by the operator. */
  readonly down: boolean
  /** Serves only the sessions that it already has. */
  readonly drain: boolean
  /** Failures within `failTimeout` that take it out for `failTimeout`; 0 never does (nginx's `max_fails`). */
  readonly maxFails: number
  readonly failTimeout: number
  /** Requests that it may have in hand, of all workers together. */
  readonly maxConnections: number
  /** How long its weight takes to grow to the whole once it serves again after it was out. */
  readonly slowStart: number
}

/** How it is found out which servers are well; docs/health.md says what each does. Shares are whole percents. */
export interface Health {
  readonly check?: Check
  readonly outlier?: Outlier
  /** When less than this share of the servers is well, all are used; 0 never. */
  readonly panicThreshold: number
}

/** An active check, of each server for itself. */
export type Check = HttpCheck | TcpCheck

export interface CheckTiming {
  /** Absent: the one that serves. */
  readonly port?: number
  /** From the start of one check of a server to that of the next; longer or shorter by `jitter` percent at most. */
  readonly interval: number
  readonly jitter: number
  readonly timeout: number
  /** Checks in a row that bring a server up, or down. */
  readonly rise: number
  readonly fall: number
  /** What a server is before its first check, which decides. Workers do not listen while one is `unknown`. */
  readonly initial: 'up' | 'down' | 'unknown'
}

export interface HttpCheck extends CheckTiming {
  readonly type: 'http'
  readonly method: 'GET' | 'HEAD' | 'OPTIONS'
  /** With the query, if there is one. */
  readonly path: string
  /** Lower-case name to value. */
  readonly headers: Readonly<Record<string, string>>
  /** What passes, both ends included. */
  readonly status: readonly { readonly from: number; readonly to: number }[]
  /** Text that must be in the answer's body. */
  readonly body?: string
}

export interface TcpCheck extends CheckTiming {
  readonly type: 'tcp'
}

/** Ejection of servers by how they answer. */
export interface Outlier {
  /** Bad answers in a row; 0 never. */
  readonly consecutive5xx: number
  /** By how many percent a server's share of bad answers may exceed that of the others together; 0: not compared. */
  readonly errorRate: number
  /** Of fewer answers within `interval`, no rate is worked out. */
  readonly minRequests: number
  readonly interval: number
  readonly ejectFor: number
  readonly maxEjectFor: number
  /** Of the servers that are not taken out by hand. */
  readonly maxEjected: number
}

export interface AccessLog {
  readonly format: 'combined' | 'vhost' | 'json' | 'off'
  /** Names of the parameters in URLs whose values are not logged. */
  readonly redact: readonly string[]
}

/** How long a client may take. */
export interface ClientTimeouts {
  /** From the first byte of a request (or the connection's start) to the end of its head. */
  readonly head: number
  /** Longest silence within a request's body. */
  readonly body: number
  /** Longest wait for the next request on a kept connection. */
  readonly idle: number
  /** Longest time in which a client takes no byte of a response. */
  readonly send: number
  /** From the end of a client's sending half, behind a whole request, to the end of the answer. */
  readonly halfClosed: number
  /** How long exchanges in flight may go on once the program is asked to stop. */
  readonly stop: number
}

/** How long a server may take. */
export interface UpstreamTimeouts {
  readonly connect: number
  /** From the end of the request to the first byte of the response. */
  readonly firstByte: number
  /** Longest silence in the middle of a message. */
  readonly idle: number
  /** Longest silence, of both sides, once they have switched protocols. */
  readonly tunnel: number
}

export interface Retries {
  /** Servers that one request may be sent to, the first one included. */
  readonly tries: number
  /** No further try starts once a request is this old. */
  readonly within: number
}

/** Requests that wait while all servers that could serve them are full. */
export interface Queue {
  /** How many may wait, all workers together; 0: none. */
  readonly size: number
  /** How long one may wait. */
  readonly timeout: number
}

/** Idle connections that a worker keeps open to each server. */
export interface KeepAlive {
  readonly connections: number
  readonly idle: number
  /** Requests on one connection before it is closed. */
  readonly requestsPerConnection: number
  /** How old a connection may be to serve another request. */
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
