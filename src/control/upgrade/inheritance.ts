import { closeSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import type { AdminPlace } from '../../admin/admin-listener.ts'
import type { Landscape, ServerList } from '../../discovery/provider.ts'
import type { ServerRecord } from '../../runtime/scoreboard/server-counters.ts'
import type { Listener, ListeningPlace } from '../../runtime/snapshot.ts'
import type { HandedAnswers } from '../acme/challenges/handed-answers.ts'
import type { NamedCounts } from '../metrics/counts.ts'
import type { TicketKey } from '../tls/ticket-keys.ts'

/** A listening socket that this process was given. */
export interface InheritedSocket {
  /** With the real port. */
  readonly listener: Listener
  readonly descriptor: number
  /** Whether it is systemd's (socket activation): kept by the main thread, which gives workers copies. */
  readonly isActivated?: true
}

/** The socket on which the admin API listens, or that of the metrics. */
export interface AdminSocket {
  /** Where, as in the configuration. */
  readonly written: AdminPlace
  readonly descriptor: number
}

/**
 * The descriptor of a socket that was handed over, if it listens where it should; undefined if there is none. One that listens
 * elsewhere is closed.
 */
export function descriptorAt(place: AdminPlace | undefined, inherited: AdminSocket | undefined): number | undefined {
  if (inherited === undefined || isDeepStrictEqual(place, inherited.written)) return inherited?.descriptor
  closeSync(inherited.descriptor)
  return undefined
}

/** What sources of servers have said last, by their entries in the configuration. */
export type Said = Readonly<Record<string, ServerList | Landscape>>

/** What was counted and known of a server. */
export interface ServerState {
  readonly upstream: string
  /** Its id. */
  readonly server: string
  readonly address: string
  readonly record: ServerRecord
}

/** What a process hands over to the one that replaces it, as plain data. */
export interface Inheritance {
  /** The name of the instance in the run. */
  readonly instance: string
  /** Where it listens as the configuration says it, and with real ports in place of 0. */
  readonly listeners: readonly { readonly written: ListeningPlace; readonly real: ListeningPlace }[]
  readonly sockets: readonly InheritedSocket[]
  readonly admin?: AdminSocket
  readonly metrics?: AdminSocket
  readonly servers: readonly ServerState[]
  /** Absent in what a version without TLS hands over. */
  readonly ticketKey?: TicketKey
  /** What workers answer to certificate authorities. */
  readonly challenges?: HandedAnswers
  /** The addresses of servers' host names. Absent in what a version hands over that does not look them up itself. */
  readonly hosts?: Readonly<Record<string, readonly string[]>>
  /** What its sources have found. Absent in what a version without discovery hands over. */
  readonly found?: Said
  /** The id of the last event. */
  readonly newestEvent: number
  /** What was counted for the metrics. Absent in what a version without metrics hands over. */
  readonly counts?: readonly NamedCounts[]
}

/** From the process that is replaced (the predecessor) to the one that replaces it (the successor). */
export type PredecessorMessage =
  | { readonly type: 'inheritance'; readonly inheritance: Inheritance }
  /** What it has counted for the metrics since it last said so: now and then, until it ends. */
  | { readonly type: 'counts'; readonly counts: readonly NamedCounts[] }
  /** What it has counted since: the last message. */
  | { readonly type: 'counted'; readonly servers: readonly ServerState[] }

/** From the successor to the predecessor. */
export type SuccessorMessage =
  /** It can be told what it inherits. */
  | { readonly type: 'begun' }
  /** It serves. */
  | { readonly type: 'ready' }
  /** It cannot serve, and ends. */
  | { readonly type: 'failed'; readonly message: string }

/** The variable that tells a process that its parent is the predecessor. */
export const UPGRADE_VARIABLE = 'LIMPET_UPGRADE'
/** The first descriptor of those that are handed over: standard streams and the channel come before. */
export const FIRST_DESCRIPTOR = 4
