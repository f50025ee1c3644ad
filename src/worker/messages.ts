/** The messages between the control plane and its workers. */
import type { MessagePort } from 'node:worker_threads'
import type { Batch } from '../observability/line-buffer.ts'
import type { SpanRecord } from '../observability/span-record.ts'
import type { Ban, BanChange } from '../runtime/ban-list.ts'
import type { ChallengeAnswers } from '../runtime/challenge-answers.ts'
import type { KnownId } from '../runtime/known-id.ts'
import type { RequestFilter } from '../runtime/request-filter.ts'
import type { Listener, Route, Snapshot } from '../runtime/snapshot.ts'
import type { SnapshotPatch } from '../runtime/snapshot-patch.ts'
import type { WorkerEvent } from '../runtime/worker-event.ts'
import type { SampleReport } from '../skew/address-sample.ts'
import type { ClientCertificate } from '../transport/tls-facts.ts'

/** The first message to a worker, whose thread may have started before the configuration was read. */
export interface WorkerStart {
  readonly snapshot: Snapshot
  /** A Scoreboard's memory, and a SessionTable's. */
  readonly scoreboard: SharedArrayBuffer
  readonly sessions: SharedArrayBuffer
  /** The memory of KeyedLimits. */
  readonly keyedLimits: SharedArrayBuffer
  /** The memory of its tally. */
  readonly tally: SharedArrayBuffer
  /** The worker's slot on the Scoreboard. */
  readonly slot: number
  /** The sockets to listen on; `listening` or `listen-failed` answers them. */
  readonly sockets: readonly SocketOrder[]
  readonly challenges: ChallengeAnswers
  /** All bans in effect. */
  readonly bans: readonly Ban[]
}

/** A socket for a worker to listen on. */
export interface SocketOrder {
  /** Its number, which no other socket of the run has. */
  readonly id: number
  readonly listener: Listener
  /** The file descriptor of a socket that this process has already. Absent: a new socket. */
  readonly descriptor?: number
}

/** A socket that a worker listens on. */
export interface OpenSocket {
  readonly id: number
  /** With a real port in place of 0. */
  readonly listener: Listener
  /** Undefined if it is not known. */
  readonly descriptor: number | undefined
}

/** Which requests somebody watches, and how many a second at most. */
export interface WatchedRequests extends RequestFilter {
  readonly id: number
  readonly perSecond: number
}

/** A request that somebody watches, as it has ended. Times in ms. */
export interface SampledRequest {
  /** The ids of those who watch it. */
  readonly watches: readonly number[]
  readonly id: string
  /** Since 1970. */
  readonly startedAt: number
  readonly client: string
  readonly method: string
  readonly host: string
  /** The path and the query, without anything that identifies a session. */
  readonly target: string
  /** Whether the client has sent another one. */
  readonly isMasked: boolean
  readonly protocol: string
  readonly status: number
  readonly bytesSent: number
  readonly ms: number
  readonly queued: number
  readonly route?: Route
  readonly upstream: string | undefined
  readonly server: string | undefined
  readonly attempts: number
  readonly reason: string | undefined
  readonly failure: string | undefined
  readonly isSecure: boolean
  readonly certificate: ClientCertificate | undefined
  /** As it came, with cookies and keys. It never leaves the process. Undefined if it was not understood, or is too large. */
  readonly head: Uint8Array | undefined
}

/** Messages from the control plane to a worker that has started. */
export type ControlMessage =
  /** Asks for another Snapshot to be put into effect; `applied` answers it. */
  | { readonly type: 'apply'; readonly patch: SnapshotPatch }
  /** Asks to listen on all of these sockets, or on none. `listening` or `listen-failed` answers it. */
  | { readonly type: 'listen'; readonly sockets: readonly SocketOrder[] }
  /** Asks to take a socket from another worker. `listening` answers it, without that socket if there is none to take. */
  | { readonly type: 'take-over'; readonly id: number; readonly listener: Listener; readonly from: MessagePort }
  /** Asks to give that socket to another worker. */
  | { readonly type: 'hand-over'; readonly id: number; readonly to: MessagePort }
  /** Asks to close those sockets, once what waits in their queues has been accepted. `listening`, with no socket, answers it. */
  | { readonly type: 'close-sockets'; readonly ids: readonly number[] }
  /** Asks to close all sockets at once, and to end once every connection has ended after its next response, or was idle. */
  | { readonly type: 'drain' }
  /** Asks to close the tunnels and calls of gRPC to the server of that slot, each at a random moment within `spread` ms. */
  | { readonly type: 'close-tunnels'; readonly server: number; readonly spread: number }
  /** Asks to let exchanges in flight finish, and to end everything else. */
  | { readonly type: 'stop' }
  /** Asks for ids of sessions on the server of that upstream in that slot; `ids` answers it. */
  | { readonly type: 'ids-wanted'; readonly upstream: string; readonly server: number }
  /** Asks to give these answers to certificate authorities, and no others; `done` answers it, with the number. */
  | { readonly type: 'answer-challenges'; readonly number: number; readonly answers: ChallengeAnswers }
  /** Asks to refuse other clients; `done` answers it, with the number. */
  | { readonly type: 'change-bans'; readonly number: number; readonly change: BanChange }
  /** Clients need not wait for a certificate of that host any longer. */
  | { readonly type: 'demand-settled'; readonly host: string }
  /** Requests need not wait for keys from that URL any longer. */
  | { readonly type: 'keys-settled'; readonly url: string }
  /** Asks for samples of these requests from now on, and of no others: `requests` answers it, again and again. */
  | { readonly type: 'watch-requests'; readonly watches: readonly WatchedRequests[] }
  /** One message with `requests` has been taken. */
  | { readonly type: 'requests-taken' }
  /** The access log's lines in that memory have been written. */
  | { readonly type: 'log-written'; readonly memory: number }
  /** The spans of one message have been taken. */
  | { readonly type: 'spans-taken' }

/** Messages from a worker to the control plane. */
export type WorkerMessage =
  | { readonly type: 'listening'; readonly sockets: readonly OpenSocket[] }
  | { readonly type: 'listen-failed'; readonly listener: Listener; readonly code: string; readonly message: string }
  /** The Snapshot of that generation is in effect. */
  | { readonly type: 'applied'; readonly generation: number }
  | { readonly type: 'log'; readonly batch: Batch }
  | { readonly type: 'log-dropped'; readonly lines: number }
  /** Spans that have ended, and how many more were dropped; `spans-taken` answers it. */
  | { readonly type: 'spans'; readonly spans: readonly SpanRecord[]; readonly dropped: number }
  | { readonly type: 'event'; readonly event: WorkerEvent }
  | { readonly type: 'samples'; readonly reports: readonly SampleReport[] }
  /** Ids of some sessions that the worker has seen on the server in that slot. */
  | { readonly type: 'ids'; readonly server: number; readonly ids: readonly KnownId[] }
  | { readonly type: 'requests'; readonly requests: readonly SampledRequest[] }
  /** What the message of that number asks for is in effect. */
  | { readonly type: 'done'; readonly number: number }
  | { readonly type: 'stopped' }
