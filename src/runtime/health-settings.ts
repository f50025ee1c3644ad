/** How the health of servers is determined, as described in docs/health.md. Shares are whole percentages. */
export interface Health {
  readonly check?: Check
  readonly outlier?: Outlier
  /** If less than this share of the servers is healthy, all are used; 0: never. */
  readonly panicThreshold: number
}

/** An active check of each server. */
export type Check = HttpCheck | TcpCheck | GrpcCheck

/** What checks of all kinds have. */
export interface CheckTiming {
  /** Absent: the server's own port. */
  readonly port?: number
  /** Whether the check is by TLS. Absent: as requests are. */
  readonly tls?: boolean
  /** Absent: what requests speak. */
  readonly protocol?: 'http1' | 'h2' | 'h2c' | 'auto'
  /** The time between the starts of two checks of a server; it varies by up to `jitter` percent. */
  readonly interval: number
  readonly jitter: number
  readonly timeout: number
  /** So many checks in a row bring a server up (`rise`) or down (`fall`). */
  readonly rise: number
  readonly fall: number
  /**
   * The state of a server before its first check, which then decides. Workers do not listen while a server is
   * `unknown`.
   */
  readonly initial: 'up' | 'down' | 'unknown'
}

export interface HttpCheck extends CheckTiming {
  readonly type: 'http'
  readonly method: 'GET' | 'HEAD' | 'OPTIONS'
  /** Includes the query, if there is one. */
  readonly path: string
  /** Lower-case name to value. */
  readonly headers: Readonly<Record<string, string>>
  /** The statuses that pass, both ends included. */
  readonly status: readonly { readonly from: number; readonly to: number }[]
  /** Text that must be in the answer's body. */
  readonly body?: string
}

export interface GrpcCheck extends CheckTiming {
  readonly type: 'grpc'
  /** Which service is asked for; empty for the server as a whole. */
  readonly service: string
  /** Lower-case name to value. */
  readonly headers: Readonly<Record<string, string>>
}

export interface TcpCheck extends CheckTiming {
  readonly type: 'tcp'
}

/** Ejection of servers whose answers are bad. */
export interface Outlier {
  /** Bad answers in a row that eject a server; 0: never. */
  readonly consecutive5xx: number
  /**
   * By how many percentage points a server's rate of bad answers may exceed that of the others together; 0: not
   * compared.
   */
  readonly errorRate: number
  /** Below this number of answers within `interval`, no rate is computed. */
  readonly minRequests: number
  readonly interval: number
  readonly ejectFor: number
  readonly maxEjectFor: number
  /** As a share of the servers that are not disabled. */
  readonly maxEjected: number
}
