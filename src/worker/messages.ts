/** What the two planes say to each other. */
import type { Batch } from '../observability/line-buffer.ts'
import type { Listener, Snapshot } from '../runtime/snapshot.ts'
import type { SnapshotPatch } from '../runtime/snapshot-patch.ts'
import type { WorkerEvent } from '../runtime/worker-event.ts'
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
  /** Another Snapshot is to be served by; `applied` answers it. */
  | { readonly type: 'apply'; readonly patch: SnapshotPatch }
  /** Exchanges in flight are to finish, and everything else to end. */
  | { readonly type: 'stop' }
  /** The access log's lines in that memory have been written. */
  | { readonly type: 'log-written'; readonly memory: number }

/** What a worker says to the control plane. */
export type WorkerMessage =
  | { readonly type: 'listening'; readonly listeners: readonly Listener[] }
  | { readonly type: 'listen-failed'; readonly listener: Listener; readonly code: string; readonly message: string }
  /** It serves by the Snapshot of that generation. */
  | { readonly type: 'applied'; readonly generation: number }
  | { readonly type: 'log'; readonly batch: Batch }
  | { readonly type: 'log-dropped'; readonly lines: number }
  | { readonly type: 'event'; readonly event: WorkerEvent }
  | { readonly type: 'samples'; readonly reports: readonly SampleReport[] }
  | { readonly type: 'stopped' }
