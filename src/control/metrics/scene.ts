import type { SourceSummary } from '../../admin/sources.ts'
import type { Server, Upstream } from '../../runtime/snapshot.ts'

/** What one scrape shows: everything is read once, so that its figures belong together. */
export interface Scene {
  /** All that are configured, and last what belongs to none. */
  readonly upstreams: readonly UpstreamScene[]
  readonly routes: readonly RouteScene[]
  /** What belongs to the process as a whole (WorkerCell). */
  readonly cells: Float64Array
  readonly connections: number
  readonly workers: readonly WorkerScene[]
  readonly generation: number
  /** By labels, when they expire, in s since 1970. */
  readonly certificates: ReadonlyMap<string, number>
  readonly sources: readonly SourceScene[]
  readonly process: ProcessScene
}

export interface SourceScene {
  readonly labels: string
  readonly summary: SourceSummary
}

/** `labels` are written as samples have them. */
export interface UpstreamScene {
  readonly labels: string
  readonly upstream: Upstream | undefined
  /** By UpstreamCell. */
  readonly cells: Float64Array
  readonly servers: readonly ServerScene[]
  readonly waiting: number
  /** The share of requests of known sessions that reached their server lately; null if there were none. */
  readonly stickiness: number | null
  readonly drains: readonly { readonly labels: string; readonly sessions: number; readonly isOver: boolean }[]
}

export interface ServerScene {
  readonly labels: string
  readonly server: Server
  /** By ServerCell. */
  readonly cells: Float64Array
  readonly isWell: boolean
  readonly inFlight: number
  readonly tunnels: number
  /** Undefined where its upstream knows no sessions. */
  readonly sessions: { readonly live: number; readonly active: number } | undefined
}

export interface RouteScene {
  readonly labels: string
  /** By the class of the status. */
  readonly cells: Float64Array
}

export interface WorkerScene {
  readonly labels: string
  /** In s: the median, the 99th percentile, the maximum. */
  readonly delays: readonly number[]
}

export interface ProcessScene {
  /** In bytes. */
  readonly residentMemory: number
  /** In s since 1970. */
  readonly startedAt: number
  /** Undefined where the system does not say. */
  readonly openFiles: number | undefined
  readonly mostFiles: number | undefined
}
