/** The messages between the control plane and its workers. */
import type { Batch } from '../observability/line-buffer.ts'
import type { KnownId } from '../runtime/known-id.ts'
import type { Listener, Snapshot } from '../runtime/snapshot.ts'
import type { SnapshotPatch } from '../runtime/snapshot-patch.ts'
import type { WorkerEvent } from '../runtime/worker-event.ts'
import type { SampleReport } from '../skew/address-sample.ts'

/** The first message to a worker, whose thread may have started before the configuration was read. */
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

/** Messages from the control plane to a worker that has started. */
export type ControlMessage =
  /** Asks for another Snapshot to be put into effect; `applied` answers it. */
  | { readonly type: 'apply'; readonly patch: SnapshotPatch }
  /** Asks to let exchanges in flight finish, and to end everything else. */
  | { readonly type: 'stop' }
  /** Asks for ids of sessions on the server of that upstream in that slot; `ids` answers it. */
  | { readonly type: 'ids-wanted'; readonly upstream: string; readonly server: number }
  /** The access log's lines in that memory have been written. */
  | { readonly type: 'log-written'; readonly memory: number }

/** Messages from a worker to the control plane. */
export type WorkerMessage =
  | { readonly type: 'listening'; readonly listeners: readonly Listener[] }
  | { readonly type: 'listen-failed'; readonly listener: Listener; readonly code: string; readonly message: string }
  /** The Snapshot of that generation is in effect. */
  | { readonly type: 'applied'; readonly generation: number }
  | { readonly type: 'log'; readonly batch: Batch }
  | { readonly type: 'log-dropped'; readonly lines: number }
  | { readonly type: 'event'; readonly event: WorkerEvent }
  | { readonly type: 'samples'; readonly reports: readonly SampleReport[] }
  /** Ids of some sessions that the worker has seen on the server in that slot. */
  | { readonly type: 'ids'; readonly server: number; readonly ids: readonly KnownId[] }
  | { readonly type: 'stopped' }
