/** What the two planes say to each other. */
import type { Batch } from '../observability/line-buffer.ts'
import type { Listener, Snapshot } from '../runtime/snapshot.ts'
import type { SampleReport } from '../skew/address-sample.ts'

/** The first message to a worker: the thread may be there before the configuration has been read. */
export interface WorkerStart {
  readonly snapshot: Snapshot
  /** A Scoreboard's memory, and a SessionTable's. */
  readonly scoreboard: SharedArrayBuffer
  readonly sessions: SharedArrayBuffer
  /** The worker's slot on the Scoreboard. */
  readonly slot: number
  /** How many workers there are. */
  readonly workers: number
}

/** What the control plane says to a worker that has started. */
export type ControlMessage =
  | { readonly type: 'stop' }
  /** The access log's lines in that memory have been written. */
  | { readonly type: 'log-written'; readonly memory: number }

/** What a worker says to the control plane. */
export type WorkerMessage =
  | { readonly type: 'listening'; readonly listeners: readonly Listener[] }
  | { readonly type: 'listen-failed'; readonly listener: Listener; readonly code: string; readonly message: string }
  | { readonly type: 'log'; readonly batch: Batch }
  | { readonly type: 'log-dropped'; readonly lines: number }
  | {
      readonly type: 'server-out'
      readonly upstream: string
      readonly server: string
      readonly ms: number
      readonly cause: string
    }
  | { readonly type: 'server-back'; readonly upstream: string; readonly server: string }
  | {
      readonly type: 'server-erring'
      readonly upstream: string
      readonly server: string
      readonly badInRow: number
    }
  | {
      readonly type: 'connection-refused'
      readonly listener: Listener
      readonly address: string
      readonly cause: string
      /** How many since the last word of it, this one included. */
      readonly count: number
    }
  | { readonly type: 'shortage'; readonly code: string; readonly count: number }
  | { readonly type: 'own-cookie-set'; readonly upstream: string; readonly server: string; readonly cookie: string }
  | {
      readonly type: 'scheme-ignored'
      readonly address: string
      /** How many since the last word of it, this one included. */
      readonly count: number
    }
  | { readonly type: 'samples'; readonly reports: readonly SampleReport[] }
  | { readonly type: 'stopped' }
